import type { Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import type { WorkspaceQuotas } from '../limits/quotas.ts';
import { acceptDocuments } from './accept-documents.ts';
import type { AcceptedDocument, NewDocument } from './accepted-document.ts';

export interface OneNewDocument extends NewDocument {
  readonly workspaceId: string;
  readonly status: 'queued' | 'awaiting_upload';
  readonly createdBy: string;
  readonly now: Date;
  readonly quotas?: WorkspaceQuotas;
}

/**
 * Writes the rows of one accepted document: from then on its ingestion is promised.
 * @throws not_found for an unknown collection · conflict while the document of this source is being deleted · quota_exceeded,
 * with nothing written
 */
export async function acceptDocument(
  db: Db,
  { workspaceId, status, createdBy, now, quotas, ...document }: OneNewDocument,
): Promise<AcceptedDocument> {
  const about = { workspaceId, status, createdBy, now, ...(quotas ? { quotas } : {}) };
  const [accepted] = await acceptDocuments(db, { ...about, documents: [document] });
  if (accepted instanceof DbragError) throw accepted;
  return accepted as AcceptedDocument;
}
