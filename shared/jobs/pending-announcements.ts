/**
 * The part of a statement that leaves a row for each ended job of `changed (id)`, to be told as an event. $1 is the workspace.
 * A job that has ended again before its first end was told is told once more.
 */
export function announceChanged(condition: string): string {
  return `INSERT INTO dbrag.pending_announcements (workspace_id, job_id) SELECT $1, id FROM changed WHERE ${condition}
     ON CONFLICT (workspace_id, job_id) DO UPDATE SET ended_at = excluded.ended_at, leased_until = NULL`;
}
