import { publicId } from '../../../shared/core/ids.ts';
import type { Document, DocumentVersion, PlacedChunk } from '../../../shared/ingestion/documents.ts';

export function documentView(document: Document) {
  return {
    id: publicId('document', document.id),
    object: 'document' as const,
    collection_id: publicId('collection', document.collection_id),
    name: document.name,
    source_uri: document.source_uri,
    content_type: document.content_type,
    bytes: document.bytes,
    status: document.status,
    version: document.version,
    live_version: document.live_version,
    chunk_count: document.chunks,
    embedded_count: document.embedded,
    reused_count: document.reused,
    error: document.error,
    metadata: document.metadata,
    created_at: document.created_at.toISOString(),
    updated_at: document.updated_at.toISOString(),
  };
}

export function versionView(version: DocumentVersion) {
  return {
    object: 'document_version' as const,
    version: version.version,
    status: version.status,
    chunk_count: version.chunks,
    reused_count: version.reused,
    embedded_count: version.embedded,
    content_hash: version.content_hash ? version.content_hash.toString('hex') : null,
    created_at: version.created_at.toISOString(),
    ready_at: version.ready_at?.toISOString() ?? null,
    removed_at: version.removed_at?.toISOString() ?? null,
    error: version.error,
  };
}

export function chunkView(chunk: PlacedChunk) {
  return {
    id: publicId('chunk', chunk.id),
    object: 'chunk' as const,
    ordinal: chunk.ordinal,
    text: chunk.text,
    token_count: chunk.token_count,
    location: chunk.location,
  };
}
