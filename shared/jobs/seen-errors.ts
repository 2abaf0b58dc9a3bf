import type { Db } from '../core/database.ts';
import type { Failure } from '../core/error-fingerprint.ts';

/** An error that has not occurred for this long is reported as new again. */
const forgottenAfter = '90 days';

/** A failure, and how often it occurred. */
export interface Sighting extends Failure {
  readonly count: number;
}

/**
 * Records errors and how often they occurred.
 * @returns the fingerprints that have not been reported yet
 */
export async function noteErrors(db: Db, service: string, sightings: readonly Sighting[]): Promise<Set<string>> {
  const { rows } = await db.query<{ fingerprint: string; is_new: boolean }>(
    // In a fixed order: two processes that record the same errors would otherwise deadlock.
    `INSERT INTO dbrag.seen_errors AS seen (fingerprint, service, name, code, frames, sightings)
     SELECT fingerprint, $1, name, code, frames, count
     FROM jsonb_to_recordset($2::jsonb) AS noted (fingerprint text, name text, code text, frames text[], count bigint)
     ORDER BY fingerprint
     ON CONFLICT (fingerprint) DO UPDATE SET sightings = seen.sightings + excluded.sightings, last_seen_at = now()
     RETURNING fingerprint, told_at IS NULL AS is_new`,
    [service, JSON.stringify(sightings)],
  );
  return new Set(rows.filter(({ is_new }) => is_new).map(({ fingerprint }) => fingerprint));
}

/** Called after reporting: a crash in between reports them twice, never not at all. */
export async function markTold(db: Db, fingerprints: readonly string[]): Promise<void> {
  await db.query(
    `UPDATE dbrag.seen_errors SET told_at = now() WHERE fingerprint IN (
       SELECT fingerprint FROM dbrag.seen_errors WHERE fingerprint = ANY($1) AND told_at IS NULL ORDER BY fingerprint FOR UPDATE)`,
    [fingerprints],
  );
}

/** Deletes errors that have not occurred for that long: if they occur again, they count as new. */
export async function forgetErrors(db: Db): Promise<void> {
  await db.query(`DELETE FROM dbrag.seen_errors WHERE last_seen_at < now() - interval '${forgottenAfter}'`);
}
