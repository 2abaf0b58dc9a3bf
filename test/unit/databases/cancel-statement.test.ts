import { describe, expect, it } from 'vitest';
import { DatabaseClient } from '../../../shared/databases/ask-database.ts';
import { cancelStatement, sessionNameOf } from '../../../shared/databases/cancel-statement.ts';
import type { QueryDatabaseReply, QueryDatabaseRequest } from '../../../shared/databases/query-database.message.ts';

const id = '01990000-0000-7000-8000-000000000003';
const request: Extract<QueryDatabaseRequest, { kind: 'run_statement' }> = {
  v: 1,
  kind: 'run_statement',
  target: {
    workspace_id: id,
    connection_id: id,
    host: 'db.example',
    port: 5432,
    database: 'shop',
    user: 'reader',
    authentication: 'password',
    ssl: 'disable',
    ca_certificate: null,
    secret_arn: 'arn',
  },
  deadline: Date.now() + 30_000,
  statement_id: id,
  statement: 'SELECT 1',
  tables: [],
  schemas: [],
  types: [],
  limits: { rows: 1, bytes: 1, cost: 1, milliseconds: 1 },
};
const stopped: QueryDatabaseReply = { ok: false, error: { code: 'sql_timeout', message: 'stopped' } };

describe('a statement whose caller leaves', () => {
  /** A function that runs until it is told to cancel, or is asked to fail at that. */
  function runner(cancel: () => QueryDatabaseReply = () => ({ ok: true, result: { seen: true } })) {
    const asked: QueryDatabaseRequest[] = [];
    const ended = Promise.withResolvers<QueryDatabaseReply>();
    const client = new DatabaseClient({
      async ask(one) {
        asked.push(one);
        if (one.kind !== 'cancel_statement') return ended.promise;
        const reply = cancel();
        ended.resolve(stopped);
        return reply;
      },
    });
    return { client, asked, end: ended.resolve };
  }

  it('is cancelled by its id, at the same place', async () => {
    const { client, asked } = runner();
    const left = new AbortController();
    const running = client.runStatement(request, left.signal);
    left.abort();
    await expect(running).rejects.toMatchObject({ code: 'sql_timeout' });
    expect(asked).toMatchObject([
      { kind: 'run_statement', statement_id: id },
      { kind: 'cancel_statement', statement_id: id, target: request.target },
    ]);
  });

  it('ends by itself where it cannot be cancelled', async () => {
    const { client } = runner(() => ({ ok: false, error: { code: 'too_many_connections', message: 'no' } }));
    const left = new AbortController();
    const running = client.runStatement(request, left.signal);
    left.abort();
    await expect(running).rejects.toMatchObject({ code: 'sql_timeout' });
  });

  it('is not run when they have left already, and not cancelled when they stay', async () => {
    const { client, asked, end } = runner();
    await expect(client.runStatement(request, AbortSignal.abort())).rejects.toMatchObject({ code: 'sql_timeout' });
    const left = new AbortController();
    end({ ok: true, result: { rows: [] } });
    expect(await client.runStatement(request, left.signal)).toEqual({ rows: [] });
    left.abort();
    expect(asked.map(({ kind }) => kind)).toEqual(['run_statement']);
  });

  it('is looked for until it was seen and has gone, and not for ever', async () => {
    const look = async (found: readonly number[], left = 10_000) => {
      const answers = [...found];
      const waited: number[] = [];
      const names: unknown[] = [];
      const session = {
        left: () => left,
        attempt: () => Promise.reject(new Error('not used')),
        async query<Row>(text: string, values: readonly unknown[] = []) {
          if (!text.includes('pg_cancel_backend')) return [];
          names.push(values[0]);
          return Array.from({ length: answers.shift() ?? 0 }) as Row[];
        },
      };
      const { seen } = await cancelStatement(session, id, async (milliseconds) => void waited.push(milliseconds));
      return { seen, looks: names.length, names, waited };
    };
    expect(await look([0, 0, 1, 1, 0, 1])).toMatchObject({ seen: true, looks: 5 });
    const never = await look([]);
    expect(never).toMatchObject({ seen: false, looks: 8 });
    expect(never.waited.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(5_000);
    expect(never.names[0]).toBe(sessionNameOf(id));
    expect(await look([1, 1, 1, 1, 1, 1, 1, 1], 150)).toMatchObject({ looks: 3 });
  });
});
