import type { AuditEntry } from '../../shared/access/audit.ts';
import type { WrittenJson } from './route.ts';

/** A page of a list or of hits has at most this many. */
const mostIds = 100;

interface Hit {
  readonly chunk_id: string;
  readonly document_id: string;
}

/** A hit begins with these two members; inside a hit's text, the quotation marks are escaped. */
const writtenHit = /"chunk_id":"(chk_[0-9a-f]{32})","document_id":"(doc_[0-9a-f]{32})"/g;

/** Which documents and chunks a search showed; the search terms are not recorded. */
export function hitsAccess({ text }: WrittenJson) {
  const hits = [...text.matchAll(writtenHit)].map(([, chunk = '', document = '']) => ({
    chunk_id: chunk,
    document_id: document,
  }));
  return { resourceId: null, detail: idsOf(hits) };
}

/** Which items a list showed. */
export function listAccess({ data }: { readonly data: readonly { readonly id: string }[] }) {
  return { resourceId: null, detail: { ids: data.map(({ id }) => id) } };
}

/** An answer shows the documents that it cites. */
export function answerAccess(queryId: string, sources: readonly Hit[]): AuditEntry {
  return {
    action: 'query.ask',
    resourceType: 'query',
    resourceId: queryId,
    accessType: 'data_access',
    detail: idsOf(sources),
  };
}

function idsOf(hits: readonly Hit[]) {
  return {
    documents: [...new Set(hits.map((hit) => hit.document_id))].slice(0, mostIds),
    chunks: hits.map((hit) => hit.chunk_id).slice(0, mostIds),
  };
}
