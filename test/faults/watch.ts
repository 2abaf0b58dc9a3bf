import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { findDatabaseFaults } from '../support/invariants.ts';

const intervalMilliseconds = 700;
const terminal = new Set(['ready', 'failed', 'cancelled']);

/** What must hold at every moment, looked at while the faults strike. */
export interface Watch {
  /** Ends it. @returns what was broken, once each */
  end(): Promise<readonly string[]>;
}

/**
 * Looks again and again at what must hold of a workspace at every moment: its live versions are complete (I3), nothing names another
 * workspace (I9), and a version that has ended stays as it ended until it is begun again as another attempt (I4).
 */
export async function watch(databaseUrl: string, workspaceId: string): Promise<Watch> {
  const client = new pg.Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  const found = new Set<string>();
  const ends = new Map<string, string>();
  let ended = false;
  const looking = (async () => {
    while (!ended) {
      const faults = await findDatabaseFaults(client, { workspaceId, quiescent: false });
      for (const { invariant, subject } of faults) found.add(`${invariant}, at one moment: ${subject}`);
      for (const change of await changedEnds(client, workspaceId, ends)) found.add(change);
      await sleep(intervalMilliseconds);
    }
  })().catch((error: unknown) => void found.add(`the watch broke off: ${String(error)}`));
  return {
    async end() {
      ended = true;
      await looking;
      await client.end();
      return [...found];
    },
  };
}

async function changedEnds(client: pg.Client, workspaceId: string, ends: Map<string, string>): Promise<string[]> {
  const { rows } = await client.query<{ attempt: string; status: string }>(
    `SELECT document_id || ' v' || version || ' attempt ' || attempt AS attempt, status FROM dbrag.document_versions WHERE workspace_id = $1`,
    [workspaceId],
  );
  return rows.flatMap(({ attempt, status }) => {
    const before = ends.get(attempt);
    if (terminal.has(status)) ends.set(attempt, status);
    return before === undefined || before === status
      ? []
      : [`I4 an end is an end: ${attempt} ${before} then ${status}`];
  });
}
