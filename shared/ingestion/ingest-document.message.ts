import * as z from 'zod/mini';

/** `ingest-*` → ingest-document: this attempt at this version waits to be ingested. Unknown members are ignored: a newer sender's. */
export const ingestDocumentMessage = z.object({
  v: z.literal(1),
  workspace_id: z.uuid(),
  document_id: z.uuid(),
  version: z.int().check(z.positive()),
  attempt: z.int().check(z.positive()),
});

export type IngestDocumentMessage = z.infer<typeof ingestDocumentMessage>;
