import type { Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { acceptDocuments } from './accept-documents.ts';
import type { AcceptedDocument, NewDocument } from './accepted-document.ts';

export interface OneNewDocument extends NewDocument {
  readonly workspaceId: string;
  readonly status: 'queued' | 'awaiting_upload';
  readonly createdBy: string;
  readonly now: Date;
}

/**
 * Writes the rows that promise one ingestion.
 * @throws not_found for an unknown collection · conflict while the document of this source is being deleted
 */
export async function acceptDocument(
  db: Db,
  { workspaceId, status, createdBy, now, ...document }: OneNewDocument,
): Promise<AcceptedDocument> {
  const [accepted] = await acceptDocuments(db, { workspaceId, status, createdBy, now, documents: [document] });
  if (accepted instanceof DbragError) throw accepted;
  return accepted as AcceptedDocument;
}
