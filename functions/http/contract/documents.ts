import * as z from 'zod/mini';
import { job } from './jobs.ts';
import {
  failure,
  id,
  idInBody,
  listQueryMembers,
  metadata,
  name,
  nullableTimestamp,
  priority,
  timestamp,
} from './primitives.ts';

/** Members that a document posted in the body and one uploaded to a URL have in common. */
const described = {
  collection_id: idInBody('collection'),
  name,
  metadata: z.optional(metadata),
  priority: z.optional(priority),
};

export const contentType = z.string().check(
  z.maxLength(127),
  // It becomes a header of the stored file: printable ASCII, and no line ends.
  z.regex(/^[\w.+-]+\/[\w.+-]+( *; *[\w-]+=("[ !#-~]*"|[!#-:<-~]+))*$/, 'Must be a media type, such as text/markdown'),
);

export const createDocument = z.strictObject({
  ...described,
  content: z.string(),
  content_type: z.optional(contentType),
  source_uri: z.optional(
    z.string().check(
      z.minLength(1),
      z.maxLength(2_048),
      // The database's limit for indexed values is in bytes.
      z.refine((text) => Buffer.byteLength(text) <= 2_048, 'At most 2048 bytes of UTF-8'),
    ),
  ),
});

export const createUpload = z.strictObject({
  ...described,
  content_type: contentType,
  size_bytes: z.int().check(z.gte(1), z.lte(5_000_000_000)),
});

const documentStatus = z.enum(['awaiting_upload', 'queued', 'processing', 'ready', 'failed', 'cancelled', 'deleting']);

export const document = z.object({
  id: id('document'),
  object: z.literal('document'),
  collection_id: id('collection'),
  name: z.string(),
  source_uri: z.nullable(z.string()),
  content_type: z.nullable(z.string()),
  bytes: z.nullable(z.int()),
  status: documentStatus,
  version: z.int(),
  live_version: z.nullable(z.int()),
  chunk_count: z.int(),
  embedded_count: z.int(),
  reused_count: z.int(),
  error: failure,
  metadata,
  created_at: timestamp,
  updated_at: timestamp,
});

export const acceptedDocument = z.object({ document, job });
export const acceptedUpload = z.object({
  document_id: id('document'),
  job,
  upload: z.object({
    method: z.literal('PUT'),
    url: z.string(),
    headers: z.record(z.string(), z.string()),
    expires_at: timestamp,
  }),
});

const mostDocuments = 1_000;
const howMany = [z.minLength(1), z.maxLength(mostDocuments)] as const;
/** As it is checked as a whole; its documents are checked one by one. */
export const createDocuments = z.union([
  z.strictObject({ documents: z.array(z.unknown()).check(...howMany) }),
  z.array(z.unknown()).check(...howMany),
]);
export const describedDocuments = z.union([
  z.strictObject({ documents: z.array(createDocument).check(...howMany) }),
  z.array(createDocument).check(...howMany),
]);
const refusal = z.object({
  code: z.string(),
  message: z.string(),
  errors: z.optional(z.array(z.object({ pointer: z.string(), detail: z.string() }))),
});
export const acceptedDocuments = z.object({
  object: z.literal('accepted_documents'),
  data: z.array(z.union([acceptedDocument, z.object({ error: refusal })])),
});

export const updateDocument = z.strictObject({ name: z.optional(name), metadata: z.optional(metadata) });
export const reingestDocument = z.strictObject({ priority: z.optional(priority) });

export const listDocuments = z.strictObject({
  ...listQueryMembers,
  collection_id: z.optional(z.string()),
  status: z.optional(documentStatus),
});

/** The position of a chunk in its document's parsed text. */
export const location = z.object({
  page: z.optional(z.int().check(z.meta({ description: 'From 1, in files that have pages or slides' }))),
  page_starts: z.optional(
    z
      .array(z.int())
      .check(z.meta({ description: 'Where the following pages begin, in chunks that span more than one' })),
  ),
  sheet: z.optional(z.string()),
  headings: z.array(z.string()),
  start: z.int().check(
    z.meta({
      description:
        "Where the chunk begins in its document's text, in UTF-16 units from 0. The text is the parser's output: without NUL and byte order mark, lines ending in a line feed, not normalised. text.slice(start, end) is the chunk's own text; neighbouring chunks overlap where their ranges do. The full text is not stored; joining the chunks by their ranges restores it except for white space between chunks.",
    }),
  ),
  end: z.int().check(z.meta({ description: 'Just after the chunk, in the same units' })),
});
export const chunk = z.object({
  id: id('chunk'),
  object: z.literal('chunk'),
  ordinal: z.int(),
  text: z.string(),
  token_count: z.int(),
  location,
});
export const listChunks = z.strictObject({
  ...listQueryMembers,
  version: z.optional(z.coerce.number().check(z.int(), z.gte(1), z.lte(2_147_483_647))),
});
export const version = z.object({
  object: z.literal('document_version'),
  version: z.int(),
  status: documentStatus,
  chunk_count: z.int(),
  reused_count: z.int(),
  embedded_count: z.int(),
  content_hash: z.nullable(z.string()),
  created_at: timestamp,
  ready_at: nullableTimestamp,
  /** Its chunks can be read until then: a while after a newer version took its place, or it failed. */
  removed_at: nullableTimestamp,
  error: failure,
});
export const content = z.object({ url: z.string(), expires_at: timestamp });
