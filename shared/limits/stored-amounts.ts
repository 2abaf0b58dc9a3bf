import type { Db } from '../core/database.ts';

export interface StoredAmounts {
  readonly documents: number;
  readonly bytes: number;
  readonly chunks: number;
}

/** What a workspace holds, by collection and altogether. */
export interface StoredState extends StoredAmounts {
  readonly byCollection: ReadonlyMap<string, StoredAmounts>;
}

/** In the snapshot of this statement, with what this transaction did itself. */
export async function readStored(db: Db, workspaceId: string): Promise<StoredState> {
  const { rows } = await db.query<StoredAmounts & { collection_id: string }>(
    `SELECT collection_id, sum(documents)::float8 AS documents, sum(bytes)::float8 AS bytes, sum(chunks)::float8 AS chunks
     FROM dbrag.stored_changes WHERE workspace_id = $1 GROUP BY collection_id`,
    [workspaceId],
  );
  const sum = (of: keyof StoredAmounts) => rows.reduce((total, row) => total + row[of], 0);
  return {
    documents: sum('documents'),
    bytes: sum('bytes'),
    chunks: sum('chunks'),
    byCollection: new Map(rows.map((row) => [row.collection_id, row])),
  };
}

/**
 * Locks the stored amounts for this transaction as far as a limit requires. Transactions far from every limit share a lock
 * and wait for nobody; one near a limit holds it exclusively, so that its count is complete.
 * @param room which lock: amounts taken under one must not be taken under another
 * @param isNear whether everything that concurrent transactions may store could reach a limit
 */
export async function holdStored(
  db: Db,
  workspaceId: string,
  room: 'documents' | 'chunks',
  isNear: (state: StoredState) => boolean,
): Promise<StoredState> {
  const near = isNear(await readStored(db, workspaceId));
  const lock = near ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared';
  await db.query(`SELECT ${lock}(hashtextextended($1, 0))`, [`room for ${room} ${workspaceId}`]);
  const state = await readStored(db, workspaceId);
  if (!near && isNear(state)) await db.query('SELECT dbrag.begin_again()');
  return state;
}

/** Waits until no other transaction of this workspace is between counting and adding. */
export async function holdAlone(db: Db, workspaceId: string, room: string): Promise<void> {
  await db.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`room for ${room} ${workspaceId}`]);
}

/** Recounts what is stored. */
export async function recountStored(db: Db, workspaceId: string): Promise<void> {
  await db.query('SELECT dbrag.recount_stored($1)', [workspaceId]);
}
