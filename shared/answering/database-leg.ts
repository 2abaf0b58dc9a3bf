import type { StatementConfig } from '../core/config-shape.ts';
import type { Database } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import type { DatabaseClient } from '../databases/ask-database.ts';
import { nearestTables } from '../databases/catalog.ts';
import type { CatalogCache } from '../databases/catalog-cache.ts';
import type { AcceptedStatement } from '../databases/firewall/check-statement.ts';
import { chooseGround, type Ground } from '../databases/generation/choose-tables.ts';
import { type TriedStatement, writeSql } from '../databases/generation/write-sql.ts';
import { runAccepted } from '../databases/run-sql.ts';
import type { StatementResult } from '../databases/run-statement.ts';
import type { ChatOptions } from '../models/chat-model.ts';
import type { QuestionEmbedder } from '../models/embed-question.ts';
import { ModelError } from '../models/model-error.ts';
import type { DatabaseEvidence, DatabaseLeg, LegQuestion, NearestTable } from './leg.ts';
import type { QueryResult } from './query-result.ts';

/** A connection that a question may be asked of. */
export interface AskableConnection {
  /** UUID. */
  readonly id: string;
  readonly name: string;
  readonly generation: number;
}

/** The record of a statement in the audit trail. */
export interface StatementRecord {
  readonly action: 'sql.run' | 'sql.finish';
  readonly outcome: 'success' | 'failure' | 'denied';
  /** UUID. */
  readonly connectionId: string;
  readonly statement: string;
  readonly tables?: readonly string[];
  readonly rows?: number;
  readonly error?: string;
}

export interface DatabaseLegPorts {
  readonly database: Database;
  readonly databases: DatabaseClient;
  readonly catalog: CatalogCache;
  readonly questions: QuestionEmbedder;
  /** Limits of one statement. */
  readonly statements: Pick<StatementConfig, 'mostCost' | 'answerSeconds'>;
  /** Writes the record before anything else happens. */
  readonly record: (record: StatementRecord) => Promise<void>;
}

/** As many as an answer can use; `POST /v1/sql/run` returns more. */
const mostRowsOfAnswer = 100;
/** For the model to say what was found; of little time, a part. */
const reserveMilliseconds = 6_000;
const reservedPart = 0.4;
const embedMilliseconds = 4_000;
const nearTables = 3;

/** Asks the database whose table is nearest to the question. */
export function databaseLeg(ports: DatabaseLegPorts, connections: readonly AskableConnection[]): DatabaseLeg | null {
  const [first] = connections;
  if (!first) return null;
  return {
    settings: JSON.stringify(connections.map(({ id, generation }) => [id, generation])),
    nearest: (question) => nearestOf(ports, connections, first, question),
    gather: (question, near, chat, options) =>
      new DatabaseQuestion(ports, question, near).ask(chat, {
        ...options,
        deadline: withReserve(options.deadline),
      }),
  };
}

async function nearestOf(
  ports: DatabaseLegPorts,
  connections: readonly AskableConnection[],
  first: AskableConnection,
  question: LegQuestion,
): Promise<NearestTable> {
  const vector = await vectorOf(ports, question);
  const found = vector
    ? await ports.database.inWorkspace(scopeOf(question), (db) =>
        nearestTables(
          db,
          question.workspaceId,
          { vector, model: ports.questions.model },
          { connectionIds: connections.map(({ id }) => id), limit: 8 },
        ),
      )
    : [];
  const connection = connections.find(({ id }) => id === found[0]?.connection_id) ?? first;
  const tables = found.filter(({ connection_id }) => connection_id === connection.id).slice(0, nearTables);
  return {
    connectionId: connection.id,
    connectionName: connection.name,
    tables: tables.map(({ name }) => name),
    score: found[0]?.score ?? null,
  };
}

/** Already known if the documents were searched for the same question; null while the model is unavailable. */
async function vectorOf({ questions }: DatabaseLegPorts, question: LegQuestion): Promise<Float32Array | null> {
  try {
    const options = { deadline: Date.now() + embedMilliseconds };
    return (await questions.embed(question.workspaceId, question.question, options)).vector;
  } catch (error) {
    if (error instanceof ModelError) return null;
    throw error;
  }
}

function withReserve(deadline: number): number {
  // Whole milliseconds: servers accept nothing else as a limit.
  return Math.floor(deadline - Math.min(reserveMilliseconds, Math.max(0, deadline - Date.now()) * reservedPart));
}

const scopeOf = ({ workspaceId, narrowing }: LegQuestion) => ({ workspaceId, ...narrowing });
const nameOf = ({ schema, name }: AcceptedStatement['tables'][number]) => `${schema}.${name}`;

class DatabaseQuestion {
  private readonly ports: DatabaseLegPorts;
  private readonly question: LegQuestion;
  private readonly near: NearestTable;
  private executed = 0;
  private executedAt = new Date();

  constructor(ports: DatabaseLegPorts, question: LegQuestion, near: NearestTable) {
    this.ports = ports;
    this.question = question;
    this.near = near;
  }

  async ask(chat: Parameters<DatabaseLeg['gather']>[2], options: ChatOptions): Promise<DatabaseEvidence> {
    const { connectionId } = this.near;
    const began = performance.now();
    const ground = await this.ground();
    const prepared = performance.now() - began;
    const trial = {
      attempt: (accepted: AcceptedStatement) => this.run(ground, accepted, options),
      refused: (statement: string, { message }: DbragError) =>
        this.ports.record({ action: 'sql.run', outcome: 'denied', connectionId, statement, error: message }),
    };
    const written = await writeSql(chat, this.question.question, ground, trial, options);
    return {
      connectionId,
      result: written.tried ? this.resultOf(ground, written.tried) : null,
      error: written.error,
      reason: written.reason,
      calls: written.calls,
      milliseconds: { generate: prepared + written.milliseconds, execute: this.executed },
    };
  }

  private async ground(): Promise<Ground> {
    const { ports, question, near } = this;
    const vector = await vectorOf(ports, question);
    return chooseGround(ports.database, ports.catalog, scopeOf(question), near.connectionId, {
      text: question.question,
      vector,
      model: ports.questions.model,
    });
  }

  /** Written down before it is run, and what came of it after: a statement that nothing is known of was not run. */
  private async run(
    { readable }: Ground,
    accepted: AcceptedStatement,
    { deadline, signal }: ChatOptions,
  ): Promise<StatementResult> {
    const { databases, record } = this.ports;
    const { connectionId } = this.near;
    const { statement } = accepted;
    const about = { connectionId, statement, tables: accepted.tables.map(nameOf) };
    await record({ action: 'sql.run', outcome: 'success', ...about });
    const { mostCost, answerSeconds } = this.ports.statements;
    const limits = { rows: mostRowsOfAnswer, cost: mostCost, milliseconds: answerSeconds * 1_000 };
    const started = performance.now();
    this.executedAt = new Date();
    try {
      const result = await runAccepted(databases, this.question.workspaceId, readable, accepted, {
        limits,
        deadline,
        signal,
      });
      this.executed += performance.now() - started;
      await record({ action: 'sql.finish', outcome: 'success', ...about, rows: result.rows.length });
      return result;
    } catch (error) {
      this.executed += performance.now() - started;
      const code = error instanceof DbragError ? error.code : 'internal';
      await record({ action: 'sql.finish', outcome: 'failure', ...about, error: code });
      throw error;
    }
  }

  private resultOf(
    { readable }: Ground,
    { accepted, assumptions, result }: TriedStatement<StatementResult>,
  ): QueryResult {
    return {
      connectionId: this.near.connectionId,
      connectionName: this.near.connectionName,
      statement: accepted.statement,
      columns: result.columns,
      rows: result.rows,
      truncated: result.truncated,
      tables: accepted.tables.map(nameOf),
      assumptions,
      executedAt: this.executedAt,
      rowsMayBeSent: readable.connection.send_rows_to_model,
    };
  }
}
