import type { z } from 'zod/mini';
import type { AuditEntry } from '../../shared/access/audit.ts';
import { newUuid, parsePublicId, publicId } from '../../shared/core/ids.ts';
import type { AcceptedDocument, NewDocument } from '../../shared/ingestion/accepted-document.ts';
import type { IngestionNudge } from '../../shared/ingestion/nudge-ingestion.ts';
import { contentKey } from '../../shared/ingestion/object-keys.ts';
import type { Services } from '../runtime/services.ts';
import type { createDocument } from './contract/documents.ts';

type Body = z.output<typeof createDocument>;

/**
 * Stores the text of a posted document. The bytes come first: a row never promises what is nowhere. An object whose transaction then
 * fails has no row and is swept.
 * @returns what the rows are to say
 */
export async function storeDocument(services: Services, workspaceId: string, body: Body): Promise<NewDocument> {
  const bytes = Buffer.from(body.content, 'utf8');
  const contentType = body.content_type ?? 'text/plain; charset=utf-8';
  const key = contentKey(workspaceId, newUuid());
  const { versionId } = await services.objects.put(key, bytes, { contentType });
  return {
    collectionId: parsePublicId('collection', body.collection_id),
    name: body.name,
    contentType,
    bytes: bytes.length,
    metadata: body.metadata,
    sourceUri: body.source_uri ?? null,
    priority: body.priority ?? 'default',
    object: { key, versionId: versionId ?? null },
  };
}

export function postedAudit({ document }: AcceptedDocument): AuditEntry {
  return {
    action: 'document.create',
    resourceType: 'document',
    resourceId: publicId('document', document.id),
    detail: { version: document.version },
  };
}

/** Where a worker finds what was accepted. */
export function firstNudge(workspaceId: string, { document, job, attempt }: AcceptedDocument): IngestionNudge {
  const priority = job.ingestion?.priority ?? 'default';
  return { workspaceId, documentId: document.id, version: document.version, attempt, priority };
}

export function logAccepted({ log }: Services, workspaceId: string, { document }: AcceptedDocument): void {
  log.documentAccepted({
    workspaceId: publicId('workspace', workspaceId),
    documentId: publicId('document', document.id),
    version: document.version,
    bytes: document.bytes,
  });
}
