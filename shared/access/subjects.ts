import type { Db } from '../core/database.ts';
import { newUuid } from '../core/ids.ts';

/** The id of whoever a caller names, who is known from the first time on. */
export async function subjectIdOf(db: Db, workspaceId: string, externalId: string): Promise<string> {
  const values = [workspaceId, externalId];
  const known = await db.query<{ id: string }>(
    'SELECT id FROM dbrag.subjects WHERE workspace_id = $1 AND external_id = $2',
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
