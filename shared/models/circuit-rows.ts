import type { Database, Db } from '../core/database.ts';
import {
  type Admission,
  admissionOf,
  afterFailure,
  afterSuccess,
  type CircuitState,
  type CircuitStore,
  closedCircuit,
  type ModelFailure,
  type ModelFault,
  withProbe,
} from './circuit.ts';

interface CircuitRow {
  readonly now: number;
  readonly failures: number;
  readonly openings: number;
  readonly fault: ModelFault;
  readonly reason: string;
  readonly opened_at: number | null;
  readonly next_call_at: number;
  readonly probing: boolean;
}

/** Circuits that all processes of a deployment share, by the database's clock. */
export class CircuitRows implements CircuitStore {
  private readonly database: Database;

  constructor(database: Database) {
    this.database = database;
  }

  admit(model: string): Promise<Admission> {
    return this.database.inSystem(async (db) => {
      const { state, now } = await readState(db, model);
      const admission = admissionOf(state, now);
      if (admission.state === 'probe') await writeState(db, model, withProbe(state, now));
      return admission;
    });
  }

  failed(model: string, failure: ModelFailure, wasProbe: boolean): Promise<Admission> {
    return this.database.inSystem(async (db) => {
      await db.query('INSERT INTO dbrag.model_circuits (model) VALUES ($1) ON CONFLICT DO NOTHING', [model]);
      const { state, now } = await readState(db, model);
      const next = afterFailure(state, failure, wasProbe, now);
      await writeState(db, model, next);
      return admissionOf(next, now);
    });
  }

  async succeeded(model: string, wasProbe: boolean): Promise<void> {
    await this.database.inSystem(async (db) => {
      const { state } = await readState(db, model);
      await writeState(db, model, afterSuccess(state, wasProbe));
    });
  }
}

async function readState(db: Db, model: string): Promise<{ readonly state: CircuitState; readonly now: number }> {
  const { rows } = await db.query<CircuitRow>(
    `SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now, failures, openings, fault, reason, probing,
       (extract(epoch FROM opened_at) * 1000)::float8 AS opened_at, (extract(epoch FROM next_call_at) * 1000)::float8 AS next_call_at
     FROM dbrag.model_circuits WHERE model = $1 FOR UPDATE`,
    [model],
  );
  const row = rows[0];
  if (!row) return { state: closedCircuit, now: 0 };
  const { fault, reason, probing, opened_at: since, next_call_at: nextCallAt } = row;
  const open = since === null ? null : { fault, reason, since, nextCallAt, probing };
  return { state: { failures: row.failures, openings: row.openings, open }, now: row.now };
}

async function writeState(db: Db, model: string, { failures, openings, open }: CircuitState): Promise<void> {
  await db.query(
    `UPDATE dbrag.model_circuits SET failures = $2, openings = $3, fault = $4, reason = $5, probing = $6,
       opened_at = to_timestamp($7::float8 / 1000), next_call_at = to_timestamp($8::float8 / 1000)
     WHERE model = $1`,
    [
      model,
      failures,
      openings,
      open?.fault ?? null,
      open?.reason ?? null,
      open?.probing ?? false,
      open?.since ?? null,
      open?.nextCallAt ?? null,
    ],
  );
}
