/**
 * The part of a statement that inserts a row for each ended job of `changed (id)`, to be published as an event. $1 is the workspace.
 * A job that ended again before its first end was published is published once more.
 */
export function announceChanged(condition: string): string {
  return `INSERT INTO dbrag.pending_announcements (workspace_id, job_id) SELECT $1, id FROM changed WHERE ${condition}
     ON CONFLICT (workspace_id, job_id) DO UPDATE SET ended_at = excluded.ended_at, leased_until = NULL`;
}
