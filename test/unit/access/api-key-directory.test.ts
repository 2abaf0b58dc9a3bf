import { beforeEach, describe, expect, it } from 'vitest';
import { createApiKeyDirectory } from '../../../shared/access/api-key-directory.ts';
import type { Database, Db } from '../../../shared/core/database.ts';

interface Row {
  workspace_id: string;
  id: string;
  role: string;
  collection_ids: null;
  connection_ids: string[] | null;
  rate_limits: { ask?: number } | null;
  expires_at: Date | null;
  last_used_at: Date | null;
}

const start = Date.UTC(2026, 10, 1);
const hash = (n: number) => Buffer.alloc(32, n);
let now: number;
let rows: Map<string, Row>;
let lookUps: number;
let uses: number;
let useFails: boolean;

const key = (n: number, changes: Partial<Row> = {}) =>
  rows.set(hash(n).toString('hex'), {
    workspace_id: '0198c3d2-a1b4-7c5e-8f90-123456789abc',
    id: `0198c3d2-a1b4-7c5e-8f90-00000000000${n}`,
    role: 'editor',
    collection_ids: null,
    connection_ids: null,
    rate_limits: null,
    expires_at: null,
    last_used_at: null,
    ...changes,
  });

/** Answers the two statements of the directory. */
const db: Db = {
  async query<R>(text: string, values: readonly unknown[] = []) {
    if (text.includes('find_api_key')) {
      lookUps++;
      const row = rows.get((values[0] as Buffer).toString('hex'));
      const valid = row && (row.expires_at === null || row.expires_at.getTime() > now);
      return { rows: (valid ? [{ ...row }] : []) as R[], count: valid ? 1 : 0 };
    }
    expect(text).toContain('SET last_used_at');
    uses++;
    if (useFails) throw new Error('canceling statement due to lock timeout');
    for (const row of rows.values()) if (row.id === values[1]) row.last_used_at = new Date(now);
    return { rows: [], count: 1 };
  },
};
const database: Database = { inWorkspace: (_, work) => work(db), inSystem: (work) => work(db) };
const directory = () => createApiKeyDirectory(database, { now: () => new Date(now) });

beforeEach(() => {
  now = start;
  rows = new Map();
  lookUps = 0;
  uses = 0;
  useFails = false;
});

describe('the directory of API keys', () => {
  it('asks the database once in half a minute', async () => {
    key(1);
    const keys = directory();
    for (let i = 0; i < 30; i++) {
      expect(await keys.find(hash(1))).toMatchObject({ role: 'editor', actor: 'key_0198c3d2a1b47c5e8f90000000000001' });
      now += 999;
    }
    expect(lookUps).toBe(1);
    now += 1_000;
    await keys.find(hash(1));
    expect(lookUps).toBe(2);
  });

  it('admits a key whose use cannot be written down', async () => {
    key(1);
    useFails = true;
    expect(await directory().find(hash(1))).toMatchObject({ role: 'editor' });
    expect(uses).toBe(1);
  });

  it('refuses a revoked key within half a minute', async () => {
    key(1);
    const keys = directory();
    await keys.find(hash(1));
    rows.clear();
    now += 30_000;
    expect(await keys.find(hash(1))).toBeUndefined();
  });

  it('refuses an expired key to the moment', async () => {
    key(1, { expires_at: new Date(start + 5_000) });
    const keys = directory();
    now = start + 4_999;
    expect(await keys.find(hash(1))).toBeDefined();
    now = start + 5_000;
    expect(await keys.find(hash(1))).toBeUndefined();
  });

  it('remembers what it does not know, so that hammering costs nothing', async () => {
    const keys = directory();
    for (let i = 0; i < 50; i++) expect(await keys.find(hash(9))).toBeUndefined();
    expect(lookUps).toBe(1);
  });

  it('remembers no more than a thousand', async () => {
    key(1);
    const keys = directory();
    await keys.find(hash(1));
    for (let i = 0; i < 1_000; i++) {
      const unknown = Buffer.alloc(32);
      unknown.writeUInt32BE(i, 4);
      await keys.find(unknown);
    }
    const before = lookUps;
    await keys.find(hash(1));
    expect(lookUps).toBe(before + 1);
  });

  it('hands on what the key is held to', async () => {
    const connectionId = '0198c3d2-a1b4-7c5e-8f90-00000000000a';
    key(1, { connection_ids: [connectionId], rate_limits: { ask: 5 } });
    expect(await directory().find(hash(1))).toEqual({
      workspaceId: '0198c3d2-a1b4-7c5e-8f90-123456789abc',
      role: 'editor',
      actor: 'key_0198c3d2a1b47c5e8f90000000000001',
      apiKeyId: '0198c3d2-a1b4-7c5e-8f90-000000000001',
      subject: null,
      collectionIds: null,
      connectionIds: [connectionId],
      rateLimits: { ask: 5 },
    });
  });

  it('writes the last use at most once a minute', async () => {
    key(1);
    for (const _ of [1, 2, 3]) await directory().find(hash(1));
    expect(uses).toBe(1);
    now += 60_000;
    await directory().find(hash(1));
    expect(uses).toBe(2);
  });
});
