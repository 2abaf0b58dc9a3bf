import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type OpenStream, openStream } from '../../../shared/limits/open-streams.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createWorkspace } from '../../support/database-content.ts';

describe('streams of events', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  }, 60_000);
  afterAll(() => database?.close());

  const open = (workspaceId: string) =>
    database.application.inWorkspace({ workspaceId }, (db) => openStream(db, workspaceId, 2));
  const close = (workspaceId: string, stream: OpenStream) =>
    database.application.inWorkspace({ workspaceId }, (db) => stream.close(db));
  const renew = (workspaceId: string, stream: OpenStream) =>
    database.application.inWorkspace({ workspaceId }, (db) => stream.renew(db));
  /** Makes all streams of a workspace as old as if `seconds` more had passed. */
  const pass = (workspaceId: string, seconds: number) =>
    database.admin.query(
      `UPDATE dbrag.open_streams SET expires_at = expires_at - $2 * interval '1 second' WHERE workspace_id = $1`,
      [workspaceId, seconds],
    );

  it('are counted exactly, each workspace by itself, however many are opened at once', async () => {
    const [{ id: one }, { id: other }] = [
      await createWorkspace(database.application),
      await createWorkspace(database.application),
    ];
    const opened = await Promise.allSettled([one, one, one, other, one, one].map(open));
    expect(opened.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const each of opened)
      if (each.status === 'rejected')
        expect(each.reason).toMatchObject({ code: 'rate_limited', retryable: true, retryAfterSeconds: 5 });
    await open(other);
    await expect(open(other)).rejects.toMatchObject({ code: 'rate_limited' });
  });

  it('make room when they are closed, and by time where nobody closes them', async () => {
    const { id } = await createWorkspace(database.application);
    const first = await open(id);
    await open(id);
    await expect(open(id)).rejects.toThrow('may hold 2 open');
    await close(id, first);
    const third = await open(id);
    await expect(open(id)).rejects.toThrow('may hold 2 open');
    await pass(id, 16);
    await open(id);
    await close(id, third);
    // Those whose time was over are forgotten with it.
    const { rows } = await database.admin.query('SELECT FROM dbrag.open_streams WHERE workspace_id = $1', [id]);
    expect(rows).toHaveLength(1);
  });
  it('count on while they are renewed, which writes every few seconds only', async () => {
    const { id } = await createWorkspace(database.application);
    const renewed = await open(id);
    await open(id);
    const expiry = async () => {
      const { rows } = await database.admin.query(
        'SELECT max(expires_at) AS at FROM dbrag.open_streams WHERE workspace_id = $1',
        [id],
      );
      return rows[0].at.getTime() as number;
    };
    const before = await expiry();
    await renew(id, renewed);
    expect(await expiry()).toBe(before);
    const now = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => now + 5_000);
    try {
      await pass(id, 10);
      await renew(id, renewed);
      await pass(id, 6);
    } finally {
      clock.mockRestore();
    }
    // The other one has expired.
    await open(id);
    await expect(open(id)).rejects.toThrow('may hold 2 open');
  });
});
