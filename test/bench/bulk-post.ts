import { type HttpClient, successOf } from './http-client.ts';
import type { MarkdownDocument } from './markdown-corpus.ts';

/** About 0.7 MB a call: the limit is 4 MiB. */
const documentsPerCall = 50;
/** Calls for bulk loads under way at once: as many as there are environments that answer. */
const bulkConnections = 2;

export interface PostOptions {
  readonly collectionId: string;
  /** Calls under way at once, where each has one document. */
  readonly connections: number;
  /** Whether a document is to be the next version of one with its name. */
  readonly asSources?: boolean;
  /** One call a document, as they come to a service, and not the call for bulk loads. */
  readonly single?: boolean;
}

interface AcceptedDocuments {
  readonly data: readonly { readonly error?: unknown }[];
}

/** Posts documents, over several connections. Throws when one is not accepted. */
export async function postAll(
  api: HttpClient,
  documents: readonly MarkdownDocument[],
  { collectionId, connections, asSources = false, single = false }: PostOptions,
): Promise<void> {
  const bodies = documents.map(({ name, content }) => ({
    collection_id: collectionId,
    name,
    content,
    content_type: 'text/markdown',
    ...(asSources ? { source_uri: name } : {}),
  }));
  const calls = single
    ? bodies.map((body) => async () => void successOf(await api('POST', '/v1/documents', body)))
    : groupsOf(bodies).map((group) => async () => {
        const { data } = successOf<AcceptedDocuments>(await api('POST', '/v1/documents/batch', { documents: group }));
        const refused = data.find((item) => item.error);
        if (refused) throw new Error(JSON.stringify(refused.error));
      });
  const waiting = calls.values();
  const client = async (): Promise<void> => {
    for (const call of waiting) await call();
  };
  await Promise.all(Array.from({ length: single ? connections : bulkConnections }, client));
}

function groupsOf<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / documentsPerCall);
  return Array.from({ length: count }, (_, at) => items.slice(at * documentsPerCall, (at + 1) * documentsPerCall));
}
