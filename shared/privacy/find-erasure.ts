import type { Database } from '../core/database.ts';
import type { ErasureCertificate } from './erasure.ts';

/** What is left of a workspace that was erased, or is being. */
export interface KeptErasure {
  /** UUID of the job. */
  readonly id: string;
  readonly erased_workspace: string;
  readonly key_hash: Buffer | null;
  readonly requested_at: Date;
  readonly finished_at: Date | null;
  readonly counts: Readonly<Record<string, number>>;
  readonly certificate: ErasureCertificate | null;
}

const columns = 'id, erased_workspace, key_hash, requested_at, finished_at, counts, certificate';

export async function findErasure(database: Database, jobId: string): Promise<KeptErasure | undefined> {
  const { rows } = await database.inSystem((db) =>
    db.query<KeptErasure>(`SELECT ${columns} FROM dbrag.erasures WHERE id = $1`, [jobId]),
  );
  return rows[0];
}

/** @param hash SHA-256 of the key that asked for it */
export async function findErasureOfKey(database: Database, hash: Buffer): Promise<KeptErasure | undefined> {
  const { rows } = await database.inSystem((db) =>
    db.query<KeptErasure>(`SELECT ${columns} FROM dbrag.erasures WHERE key_hash = $1`, [hash]),
  );
  return rows[0];
}
