import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DbragError } from '../../../shared/core/errors.ts';
import { newUuid } from '../../../shared/core/ids.ts';
import { acceptDocuments } from '../../../shared/ingestion/accept-documents.ts';
import type { NewDocument } from '../../../shared/ingestion/accepted-document.ts';
import { createCollection, requireRoomForCollection } from '../../../shared/ingestion/collections.ts';
import type { QuotaResource, Quotas, WorkspaceQuotas } from '../../../shared/limits/quotas.ts';
import { readStored } from '../../../shared/limits/stored-amounts.ts';
import { releaseChatTokens, reserveChatTokens } from '../../../shared/limits/token-quota.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.close());

async function newWorkspace(): Promise<{ workspaceId: string; collectionId: string }> {
  const workspaceId = newUuid();
  await database.application.inSystem((db) =>
    db.query(`SELECT dbrag.create_workspace($1, 'test', '{}', $2, $3, 'hint')`, [
      workspaceId,
      newUuid(),
      Buffer.alloc(32, workspaceId),
    ]),
  );
  const { id } = await database.application.inWorkspace({ workspaceId }, (db) =>
    createCollection(db, workspaceId, { name: 'one' }),
  );
  return { workspaceId, collectionId: id };
}

function quotasOf(limits: Quotas): WorkspaceQuotas & { told: [QuotaResource, number][] } {
  const told: [QuotaResource, number][] = [];
  return { limits, told, noticed: (resource, used) => void told.push([resource, used]) };
}

const document = (collectionId: string, change: Partial<NewDocument> = {}): NewDocument => ({
  collectionId,
  name: 'a',
  contentType: 'text/plain',
  bytes: 10,
  sourceUri: null,
  priority: 'default',
  object: { key: `content/${newUuid()}`, versionId: null },
  ...change,
});

/** The words of each: `ok` or the code of its refusal. */
async function accept(workspaceId: string, documents: NewDocument[], limits: Quotas): Promise<string[]> {
  const about = { workspaceId, createdBy: 'test', now: new Date(), status: 'queued' } as const;
  const outcomes = await database.application.inWorkspace({ workspaceId }, (db) =>
    acceptDocuments(db, { ...about, documents, quotas: quotasOf(limits) }),
  );
  return outcomes.map((outcome) => ('code' in outcome ? outcome.code : 'ok'));
}

/** Loaded by as many at once as the database serves. */
async function race<T>(times: number, work: (n: number) => Promise<T>): Promise<PromiseSettledResult<T>[]> {
  return Promise.allSettled(Array.from({ length: times }, (_, n) => work(n)));
}

describe('what is stored', () => {
  it('is known exactly, whatever is done to documents and chunks, and when it was added up', async () => {
    const { workspaceId, collectionId } = await newWorkspace();
    const step = fc.record({
      kind: fc.constantFrom('insert', 'status', 'bytes', 'live', 'delete', 'chunks', 'remove chunks', 'fold'),
      which: fc.nat({ max: 5 }),
      amount: fc.integer({ min: 1, max: 1_000 }),
      status: fc.constantFrom('queued', 'ready', 'failed', 'cancelled', 'deleting'),
    });
    const ids = Array.from({ length: 6 }, () => newUuid());
    const statements = {
      insert: `INSERT INTO dbrag.documents (workspace_id, id, collection_id, name, bytes, status, s3_key, version, deadline_at) VALUES ($1, $2, $5, 'a', $3, $4, 'k', 1, now()) ON CONFLICT DO NOTHING`,
      status: 'UPDATE dbrag.documents SET status = $4, deadline_at = now() WHERE workspace_id = $1 AND id = $2',
      bytes: 'UPDATE dbrag.documents SET bytes = $3 WHERE workspace_id = $1 AND id = $2',
      live: 'UPDATE dbrag.documents SET live_version = 1 WHERE workspace_id = $1 AND id = $2',
      delete: 'DELETE FROM dbrag.documents WHERE workspace_id = $1 AND id = $2',
      chunks: `INSERT INTO dbrag.chunks (workspace_id, document_id, collection_id, content_hash, token_count, language, text, search)
        SELECT $1, $2, $5, sha256(convert_to($3::text, 'UTF8')), 1, 'simple', 't', to_tsvector('simple', 't')
        WHERE EXISTS (SELECT FROM dbrag.documents WHERE workspace_id = $1 AND id = $2) ON CONFLICT DO NOTHING`,
      'remove chunks': 'DELETE FROM dbrag.chunks WHERE workspace_id = $1 AND document_id = $2',
      fold: 'SELECT dbrag.fold_stored_changes($1)',
    };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        for (const { kind, which, amount, status } of steps) {
          await database.application.inWorkspace({ workspaceId }, async (db) => {
            if (kind === 'delete') await db.query(statements['remove chunks'], [workspaceId, ids[which]]);
            const values = [workspaceId, ids[which], amount, status, collectionId];
            const used = [...statements[kind].matchAll(/\$(\d)/g)].map((match) => Number(match[1]));
            // Every parameter needs a use: those that a statement does not name are left out.
            const text = statements[kind].replace(
              /\$(\d)/g,
              (_, n) => `$${[...new Set(used)].sort().indexOf(Number(n)) + 1}`,
            );
            await db.query(
              text,
              [...new Set(used)].sort().map((n) => values[n - 1]),
            );
          });
        }
        const known = await database.application.inWorkspace({ workspaceId }, (db) => readStored(db, workspaceId));
        const { rows } = await database.admin.query<{ documents: number; bytes: number; chunks: number }>(
          `SELECT count(*)::int AS documents, coalesce(sum(bytes), 0)::int AS bytes,
             (SELECT count(*)::int FROM dbrag.chunks WHERE workspace_id = $1) AS chunks FROM dbrag.documents
           WHERE workspace_id = $1 AND status <> 'deleting' AND (live_version IS NOT NULL OR status NOT IN ('failed', 'cancelled'))`,
          [workspaceId],
        );
        const { documents, bytes, chunks } = known;
        expect({ documents, bytes, chunks }).toEqual(rows[0]);
      }),
      { numRuns: 25 },
    );
    await database.application.inWorkspace({ workspaceId }, (db) =>
      db.query('SELECT dbrag.recount_stored($1)', [workspaceId]),
    );
    await database.admin.query('DELETE FROM dbrag.stored_changes WHERE workspace_id = $1', [workspaceId]);
    const lost = await database.application.inWorkspace({ workspaceId }, async (db) => {
      await db.query('SELECT dbrag.recount_stored($1)', [workspaceId]);
      return readStored(db, workspaceId);
    });
    const { rows } = await database.admin.query(
      `SELECT count(*)::int AS n FROM dbrag.documents WHERE workspace_id = $1 AND status <> 'deleting' AND (live_version IS NOT NULL OR status NOT IN ('failed', 'cancelled'))`,
      [workspaceId],
    );
    expect(lost.documents).toBe(rows[0].n);
  });
});

describe('a quota', () => {
  it('lets one of many pass where one is left: collections', async () => {
    const { workspaceId } = await newWorkspace();
    const quotas = quotasOf({ collections: 2 });
    const tries = await race(6, () =>
      database.application.inWorkspace({ workspaceId }, async (db) => {
        await requireRoomForCollection(db, workspaceId, quotas, new Date());
        return createCollection(db, workspaceId, { name: 'x' });
      }),
    );
    expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refusal = tries.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(refusal.reason).toMatchObject({
      code: 'quota_exceeded',
      message: 'Quota collections: 2 of 2 collections are used; delete some, or ask your operator for more.',
    });
    expect(quotas.told).toContainEqual(['collections', 2]);
  });

  it('lets one of many pass where one is left: documents, each collection by itself', async () => {
    const { workspaceId, collectionId } = await newWorkspace();
    const { id: other } = await database.application.inWorkspace({ workspaceId }, (db) =>
      createCollection(db, workspaceId, { name: 'two' }),
    );
    const limits = { documents: 3 };
    const batch = Array.from({ length: 2 }, () => document(collectionId));
    expect(await accept(workspaceId, batch, limits)).toEqual(['ok', 'ok']);
    const tries = await race(6, () => accept(workspaceId, [document(collectionId)], limits));
    const words = tries.flatMap((result) => (result.status === 'fulfilled' ? result.value : [String(result.reason)]));
    expect(words.toSorted()).toEqual(['ok', ...Array<string>(5).fill('quota_exceeded')].toSorted());
    // What is full refuses no other, and a batch is refused from where it is full.
    const mixed = [document(collectionId), ...Array.from({ length: 5 }, () => document(other))];
    expect(await accept(workspaceId, mixed, limits)).toEqual([
      'quota_exceeded',
      'ok',
      'ok',
      'ok',
      'quota_exceeded',
      'quota_exceeded',
    ]);
  });

  it('counts a new version as what it adds, and a failed or deleted document not at all', async () => {
    const { workspaceId, collectionId } = await newWorkspace();
    const limits = { documents: 1, stored_bytes: 100 };
    const of = (bytes: number, sourceUri: string | null = 'https://a.example') =>
      document(collectionId, { bytes, sourceUri });
    expect(await accept(workspaceId, [of(60)], limits)).toEqual(['ok']);
    expect(await accept(workspaceId, [of(100)], limits)).toEqual(['ok']);
    expect(await accept(workspaceId, [of(101)], limits)).toEqual(['quota_exceeded']);
    expect(await accept(workspaceId, [of(1, null)], limits)).toEqual(['quota_exceeded']);
    await database.admin.query(`UPDATE dbrag.documents SET status = 'deleting' WHERE workspace_id = $1`, [workspaceId]);
    expect(await accept(workspaceId, [of(100, null)], limits)).toEqual(['ok']);
    await database.admin.query(
      `UPDATE dbrag.documents SET status = 'failed' WHERE workspace_id = $1 AND status <> 'deleting'`,
      [workspaceId],
    );
    expect(await accept(workspaceId, [of(100, null)], limits)).toEqual(['ok']);
  });

  it('keeps nobody waiting who is far from it', async () => {
    const { workspaceId, collectionId } = await newWorkspace();
    const limits = { documents: 10_000_000 };
    let isWaited = true;
    await database.application.inWorkspace({ workspaceId }, async (db) => {
      const about = { workspaceId, createdBy: 'test', now: new Date(), status: 'queued' } as const;
      await acceptDocuments(db, { ...about, documents: [document(collectionId)], quotas: quotasOf(limits) });
      const { rows } = await db.query<{ free: boolean }>(
        'SELECT NOT EXISTS (SELECT FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = $1 AND mode = $2) AS free',
        ['advisory', 'ExclusiveLock'],
      );
      isWaited = rows[0]?.free !== true;
    });
    expect(isWaited).toBe(false);
  });

  it('reserves what an answer may take, and gives back what it did not', async () => {
    const { workspaceId } = await newWorkspace();
    const spend = (tokens: number) =>
      database.admin.query(
        `INSERT INTO dbrag.usage_events (workspace_id, operation, model, prompt_tokens) VALUES ($1, 'query', 'm', $2)`,
        [workspaceId, tokens],
      );
    const quotas = quotasOf({ chat_tokens: 1_000 });
    const reserve = () =>
      database.application.inWorkspace({ workspaceId }, (db) => reserveChatTokens(db, workspaceId, quotas, new Date()));
    await spend(999);
    const tries = await race(5, reserve);
    const passed = tries.filter((result) => result.status === 'fulfilled');
    expect(passed).toHaveLength(1);
    const refused = tries.find((result) => result.status === 'rejected') as PromiseRejectedResult;
    // The last token is only held, and may come back: nobody has to wait for another day, nor is the operator told.
    expect(refused.reason).toMatchObject({ code: 'rate_limited', retryable: true, retryAfterSeconds: 5 });
    expect(new Set(quotas.told.map(([, used]) => used))).toEqual(new Set([999]));
    const reservation = (passed[0] as PromiseFulfilledResult<string | null>).value;
    await database.application.inWorkspace({ workspaceId }, (db) => releaseChatTokens(db, workspaceId, reservation));
    const again = await reserve();
    expect(again).not.toBeNull();
    // One whose process died holds nothing for long.
    await database.admin.query(
      `UPDATE dbrag.token_reservations SET expires_at = now() - interval '1 second' WHERE workspace_id = $1`,
      [workspaceId],
    );
    await spend(1);
    const spent = await reserve().catch((error: unknown) => error as DbragError);
    expect(spent).toMatchObject({ code: 'quota_exceeded' });
    expect((spent as DbragError).message).toMatch(
      /^Quota chat_tokens: 1,000 of 1,000 tokens .* it resets at .*T00:00:00.000Z\.$/,
    );
    expect((spent as DbragError).retryAfterSeconds).toBeGreaterThan(0);
  });
});
