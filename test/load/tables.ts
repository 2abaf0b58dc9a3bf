import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type HttpClient, successOf } from '../bench/http-client.ts';

/** What became of the refreshes that were begun and ended in a time. */
export interface TablesTaken {
  /** Tables that were described anew. */
  readonly described: number;
  /** From asking for a refresh until its job has ended, in milliseconds. */
  readonly refreshes: readonly number[];
}

/** A database whose tables keep changing, connected to the workspace that is under load. */
export interface ChangingDatabase {
  /** Changes some tables and has the catalog refreshed, again and again, until `ends` (of `performance.now()`). */
  change(ends: number): Promise<TablesTaken>;
  close(): Promise<void>;
}

const tableCount = 50;
const changesARefresh = 2;
/** 720 tables an hour are offered, if a refresh takes no longer. */
const intervalMilliseconds = 10_000;
const pollMilliseconds = 250;

interface Job {
  readonly status: string;
  readonly why: string;
  readonly result: { readonly described: number } | null;
}

/** @param adminUrl of a superuser of a database that the deployment may reach: gets a schema and a role of their own */
export async function connectChangingDatabase(api: HttpClient, adminUrl: string): Promise<ChangingDatabase> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  const name = `load_${randomBytes(4).toString('hex')}`;
  const password = randomBytes(18).toString('base64url');
  await admin.query(`CREATE SCHEMA ${name}; CREATE ROLE ${name} LOGIN PASSWORD '${password}'`);
  for (let table = 0; table < tableCount; table++)
    await admin.query(
      `CREATE TABLE ${name}.ledger_${table} (id int PRIMARY KEY, booked_on date, amount numeric, currency text, remark text)`,
    );
  await admin.query(
    `GRANT USAGE ON SCHEMA ${name} TO ${name}; GRANT SELECT ON ALL TABLES IN SCHEMA ${name} TO ${name}`,
  );
  const { hostname, port, pathname } = new URL(adminUrl);
  const made = successOf<{ id: string; job: { id: string } }>(
    await api('POST', '/v1/connections', {
      ...{ name, engine: 'postgres', host: hostname, port: Number(port || 5432), ssl: false, schemas: [name] },
      ...{ database: decodeURIComponent(pathname.slice(1)), user: name, password },
    }),
  );
  const first = await endOf(api, made.job.id);
  if (first !== tableCount) throw new Error(`${first} of ${tableCount} tables were described`);
  let changed = 0;
  return {
    async change(ends) {
      const refreshes: number[] = [];
      let described = 0;
      for (let due = performance.now(); due < ends; due = Math.max(due + intervalMilliseconds, performance.now())) {
        await sleep(Math.max(0, due - performance.now()));
        for (let each = 0; each < changesARefresh; each++, changed++)
          await admin.query(`ALTER TABLE ${name}.ledger_${changed % tableCount} ADD COLUMN column_${changed} text`);
        const began = performance.now();
        const { job } = successOf<{ job: { id: string } }>(await api('POST', `/v1/connections/${made.id}/refresh`));
        described += await endOf(api, job.id);
        refreshes.push(performance.now() - began);
      }
      return { described, refreshes };
    },
    async close() {
      await admin.query(`DROP SCHEMA ${name} CASCADE; DROP ROLE ${name}`);
      await admin.end();
    },
  };
}

/** @returns how many tables the refresh described anew */
async function endOf(api: HttpClient, jobId: string): Promise<number> {
  for (;;) {
    const { status, why, result } = successOf<Job>(await api('GET', `/v1/jobs/${jobId}`));
    if (status === 'succeeded') return result?.described ?? 0;
    if (status !== 'queued' && status !== 'running')
      throw new Error(`a refresh of the catalog ended ${status}: ${why}`);
    await sleep(pollMilliseconds);
  }
}
