import * as z from 'zod/mini';

/** The largest value of the column: a larger one would make the statement fail at every receive. */
const count = z.int().check(z.positive(), z.lte(2_147_483_647));

/** `ingest-*` → ingest-document: this attempt at this version waits to be ingested. Unknown members are ignored: a newer sender's. */
export const ingestDocumentMessage = z.object({
  v: z.literal(1),
  workspace_id: z.uuid(),
  document_id: z.uuid(),
  version: count,
  attempt: count,
});

export type IngestDocumentMessage = z.infer<typeof ingestDocumentMessage>;
