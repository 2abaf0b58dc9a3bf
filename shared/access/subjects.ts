import type { Db } from '../core/database.ts';
import { newUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';

/** The id of the subject that a caller names; it is created at its first use. */
export async function subjectIdOf(db: Db, workspaceId: string, externalId: string): Promise<string> {
  const values = [workspaceId, externalId];
  const known = await db.query<{ id: string }>(
    // Held until the end of the transaction: an erasure of the subject waits for what is being written for it.
    'SELECT id FROM dbrag.subjects WHERE workspace_id = $1 AND external_id = $2 FOR KEY SHARE',
    values,
  );
  if (known.rows[0]) return known.rows[0].id;
  // Where another call was first, the update that changes nothing gives its row.
  const { rows } = await db.query<{ id: string }>(
    `INSERT INTO dbrag.subjects (workspace_id, external_id, id) VALUES ($1, $2, $3)
     ON CONFLICT (workspace_id, external_id) DO UPDATE SET external_id = excluded.external_id RETURNING id`,
    [...values, newUuid()],
  );
  return (rows[0] as { id: string }).id;
}

/** The id of somebody who is known under this name; undefined for anybody else. */
export async function findSubject(db: Db, workspaceId: string, externalId: string): Promise<string | undefined> {
  const { rows } = await db.query<{ id: string }>(
    'SELECT id FROM dbrag.subjects WHERE workspace_id = $1 AND external_id = $2',
    [workspaceId, externalId],
  );
  return rows[0]?.id;
}

/** Holds a subject until the end of the transaction. @returns false once it is being erased: nothing is to be kept for it */
export async function holdSubject(db: Db, workspaceId: string, id: string): Promise<boolean> {
  const { count } = await db.query(
    'SELECT FROM dbrag.subjects WHERE workspace_id = $1 AND id = $2 AND erasing_at IS NULL FOR KEY SHARE',
    [workspaceId, id],
  );
  return count > 0;
}

export interface KnownSubject {
  readonly id: string;
  readonly external_id: string;
  readonly created_at: Date;
}

/** Subjects of a workspace that are not being erased, newest first. */
export async function listSubjects(
  db: Db,
  workspaceId: string,
  externalId: string | undefined,
  { limit, after }: PageRequest,
): Promise<Page<KnownSubject>> {
  const { rows } = await db.query<KnownSubject>(
    `SELECT id, external_id, created_at FROM dbrag.subjects
     WHERE workspace_id = $1 AND erasing_at IS NULL AND ($2::text IS NULL OR external_id = $2) AND ($3::uuid IS NULL OR id < $3::uuid)
     ORDER BY id DESC LIMIT $4`,
    [workspaceId, externalId ?? null, after ?? null, limit + 1],
  );
  return pageOf(rows, limit);
}
