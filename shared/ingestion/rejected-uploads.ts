import type { Db } from '../core/database.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';

/** An object whose key names no workspace or collection. It becomes no document, but is listed here. */
export interface RejectedUpload {
  readonly id: string;
  readonly bucket: string;
  readonly s3_key: string;
  readonly bytes: number | null;
  readonly reason: string;
  readonly at: Date;
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export async function listRejectedUploads(db: Db, { limit, after }: PageRequest): Promise<Page<RejectedUpload>> {
  if (after !== undefined && !uuid.test(after)) return { items: [], hasMore: false };
  const { rows } = await db.query<RejectedUpload>(
    `SELECT id, bucket, s3_key, bytes::float8 AS bytes, reason, at FROM dbrag.rejected_uploads
     WHERE $1::uuid IS NULL OR (at, id) < (SELECT a.at, a.id FROM dbrag.rejected_uploads a WHERE a.id = $1)
     ORDER BY at DESC, id DESC LIMIT $2 + 1`,
    [after ?? null, limit],
  );
  return pageOf(rows, limit);
}
