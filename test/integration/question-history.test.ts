import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { walkWorkspaces } from '../../shared/access/walk-workspaces.ts';
import { defaultRetentionDays } from '../../shared/access/workspaces.ts';
import { hourStatement, unansweredStatement } from '../../shared/answering/analytics.ts';
import { addTurn, getConversation } from '../../shared/answering/conversations.ts';
import { dropForgottenMonths, expireHistory } from '../../shared/answering/expire-history.ts';
import { listStatement, type QueryFilter } from '../../shared/answering/queries.ts';
import { newUuid, timeOfUuid } from '../../shared/core/ids.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createWorkspace } from '../support/database-content.ts';

const dayMilliseconds = 86_400_000;

describe('the history of questions', () => {
  let database: TestDatabase;
  const workspaceId = newUuid();
  const shortId = newUuid();
  beforeAll(async () => {
    database = await createTestDatabase();
    for (const id of [workspaceId, shortId])
      await database.application.inSystem((db) =>
        db.query(`SELECT dbrag.create_workspace($1, 'test', '{}', $2, $3, 'hint')`, [
          id,
          newUuid(),
          Buffer.alloc(32, id),
        ]),
      );
  });
  afterAll(() => database?.close());

  /** Questions of a workspace, one a second back from a time. */
  const fill = (workspace: string, rows: number, from: Date) =>
    database.admin.query(
      `INSERT INTO dbrag.queries (workspace_id, created_at, id, actor, conversation_id, question, reasoning, route, answer, answered, model, provider,
         embedding_cache, timing, total_ms, trace, rating)
       SELECT $1, at, dbrag.new_uuid(), 'key_1', CASE WHEN n % 50 = 0 THEN $1::uuid END, 'Question ' || n, 'direct', 'documents', 'Answer', n % 20 > 0,
         'model', 'openai', 'miss', '{}', n, '{}', CASE WHEN n % 30 = 0 THEN 4 END
       FROM generate_series(1, $2::int) AS n, LATERAL (SELECT $3::timestamptz - n * interval '1 second' AS at) AS time`,
      [workspace, rows, from],
    );
  const count = async (workspace: string) =>
    Number(
      (await database.admin.query('SELECT count(*) FROM dbrag.queries WHERE workspace_id = $1', [workspace])).rows[0]
        .count,
    );
  const months = async (table = 'queries') =>
    (
      await database.admin.query(
        `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'dbrag.${table}'::regclass ORDER BY 1`,
      )
    ).rows.map(({ name }) => name as string);

  it('is found by indexes alone, whatever is asked for', async () => {
    const now = new Date();
    // Room behind the first of the month.
    const end = new Date(now.getTime() + 20 * dayMilliseconds);
    await fill(workspaceId, 20_000, end);
    await fill(shortId, 20_000, end);
    await database.admin.query('ANALYZE dbrag.queries');
    const filters: QueryFilter[] = [
      {},
      { answered: false },
      { rated: true },
      { conversationId: workspaceId },
      { route: 'documents' },
      { from: now.toISOString(), to: end.toISOString() },
    ];
    const range = [workspaceId, new Date(end.getTime() - 7_200_000), end, null];
    const statements = [
      ...filters.map((filter) => listStatement(workspaceId, filter, { limit: 20 })),
      ...filters.map((filter) =>
        listStatement(workspaceId, filter, { limit: 20, after: newUuid(end.getTime() - 9_000_000) }),
      ),
      { text: hourStatement, values: range },
      { text: unansweredStatement, values: range },
    ];
    for (const { text, values } of statements) {
      const { rows } = await database.application.inWorkspace({ workspaceId }, (db) =>
        db.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, values),
      );
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      // Months that hold nothing are read in no time by any plan.
      const scanned = [...plan.matchAll(/Seq Scan on (\w+)/g)].map((match) => match[1]);
      const filled = (await filledMonths()).filter((name) => scanned.includes(name));
      expect(filled, plan).toEqual([]);
    }
  });

  const filledMonths = async () =>
    (await database.admin.query('SELECT DISTINCT tableoid::regclass::text AS name FROM dbrag.queries')).rows.map(
      ({ name }) => (name as string).replace('dbrag.', ''),
    );

  /** The month of a table that holds a time long ago. @returns its name */
  const monthOf = async (table: string, at: Date) => {
    const month = `${table}_${at.toISOString().slice(0, 7).replace('-', '_')}`;
    const [begin, next] = [0, 1].map((later) =>
      new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + later, 1)).toISOString(),
    );
    await database.admin.query(
      `CREATE TABLE dbrag.${month} PARTITION OF dbrag.${table} FOR VALUES FROM ('${begin}') TO ('${next}');
       ALTER TABLE dbrag.${month} OWNER TO dbrag_owner`,
    );
    return month;
  };

  it('goes when its workspace keeps it no longer, and its month when none does', async () => {
    const old = new Date(Date.now() - (defaultRetentionDays + 70) * dayMilliseconds);
    const month = await monthOf('queries', old);
    await fill(workspaceId, 10, new Date(old.getTime() + 60_000));
    const before = await months();
    expect(before).toContain(`dbrag.${month}`);
    await database.admin.query(`UPDATE dbrag.workspaces SET settings = '{"retention_days": 1000}' WHERE id = $1`, [
      workspaceId,
    ]);
    await database.admin.query(`UPDATE dbrag.workspaces SET settings = '{"retention_days": 0}' WHERE id = $1`, [
      shortId,
    ]);
    await database.admin.query(`DELETE FROM dbrag.queries WHERE workspace_id = $1 AND created_at > now()`, [shortId]);
    await fill(shortId, 6_000, new Date());
    const kept = await count(workspaceId);
    await dropForgottenMonths(database.maintainer);
    for (const id of [workspaceId, shortId]) await expireHistory(database.maintainer, id);
    expect([await count(workspaceId), await count(shortId)]).toEqual([kept, 0]);
    expect(await months()).toEqual(before);

    await database.admin.query(`UPDATE dbrag.workspaces SET settings = '{}' WHERE id = $1`, [workspaceId]);
    await expireHistory(database.maintainer, workspaceId);
    await dropForgottenMonths(database.maintainer);
    expect(await count(workspaceId)).toBe(kept - 10);
    expect(await months()).toEqual(before.filter((name) => name !== `dbrag.${month}`));
  });

  it('keeps a conversation from its last message on, and its month as long', async () => {
    const { id: workspace } = await createWorkspace(database.application);
    const scope = { workspaceId: workspace };
    const old = new Date(Date.now() - (defaultRetentionDays + 70) * dayMilliseconds);
    const both = [await monthOf('conversations', old), await monthOf('messages', old)];
    const make = async (lastUsed: Date) => {
      const id = newUuid(old.getTime());
      const values = [workspace, timeOfUuid(id), id];
      await database.admin.query(
        `INSERT INTO dbrag.conversations (workspace_id, created_at, id, actor, updated_at) VALUES ($1, $2, $3, 'key_1', $4)`,
        [...values, lastUsed],
      );
      await database.admin.query(
        `INSERT INTO dbrag.messages (workspace_id, created_at, id, conversation_id, role, content)
         VALUES ($1, $2, dbrag.new_uuid(), $3, 'user', 'What?')`,
        values,
      );
      return id;
    };
    const used = await make(new Date(Date.now() - (defaultRetentionDays - 1) * dayMilliseconds));
    const unused = await make(new Date(Date.now() - (defaultRetentionDays + 1) * dayMilliseconds));
    const resumed = await make(old);
    const left = async () => {
      const { rows } = await database.admin.query(
        `SELECT conversation.id, count(message.id)::int AS messages FROM dbrag.conversations conversation
         LEFT JOIN dbrag.messages message ON message.conversation_id = conversation.id
         WHERE conversation.workspace_id = $1 GROUP BY 1`,
        [workspace],
      );
      return Object.fromEntries(rows.map(({ id, messages }) => [id, messages]));
    };
    const night = async () => {
      await expireHistory(database.maintainer, workspace);
      await dropForgottenMonths(database.maintainer);
      const there = [...(await months('conversations')), ...(await months('messages'))];
      return both.map((name) => there.includes(`dbrag.${name}`));
    };
    expect(await left()).toEqual({ [used]: 1, [unused]: 1, [resumed]: 1 });
    // Somebody goes on in it while the night comes to it.
    let coming: Promise<boolean[]> | undefined;
    await database.application.inWorkspace(scope, async (db) => {
      const conversation = await getConversation(db, workspace, resumed);
      await addTurn(db, workspace, conversation, { said: 'And?', answered: 'That.', queryId: newUuid() });
      coming = night();
      await sleep(200);
    });
    expect(await coming).toEqual([true, false]);
    expect(await left()).toEqual({ [used]: 0, [resumed]: 2 });

    await database.admin.query('UPDATE dbrag.conversations SET updated_at = created_at WHERE workspace_id = $1', [
      workspace,
    ]);
    expect(await night()).toEqual([false, false]);
    expect(await left()).toEqual({});
  });

  it('is reached by a night that goes on behind a workspace which was erased meanwhile', async () => {
    const walked = async (after?: string) => Array.fromAsync(walkWorkspaces(database.maintainer, after));
    const all = await walked();
    expect(all).toEqual(expect.arrayContaining([workspaceId, shortId]));
    const [first = '', ...others] = all;
    const erased = `ffffffff${first.slice(8)}`;
    expect(await walked(erased)).toEqual(all);
    expect(await walked(first)).toEqual(others);
  });
});
