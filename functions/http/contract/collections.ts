import * as z from 'zod/mini';
import { id, metadata, name, timestamp } from './primitives.ts';

const chunkingRequest = z
  .strictObject({
    max_tokens: z._default(z.int().check(z.gte(50), z.lte(4_000)), 400),
    overlap_tokens: z._default(z.int().check(z.gte(0), z.lte(1_000)), 40),
  })
  .check(
    z.refine(
      (value) => value.overlap_tokens * 2 <= value.max_tokens,
      'overlap_tokens may be at most half of max_tokens',
    ),
  );

export const createCollection = z.strictObject({
  name,
  description: z.optional(z.string().check(z.maxLength(2_000))),
  metadata: z.optional(metadata),
  chunking: z.optional(chunkingRequest),
});
export const updateCollection = z.strictObject({
  name: z.optional(name),
  description: z.optional(z.string().check(z.maxLength(2_000))),
  metadata: z.optional(metadata),
});
export const collection = z.object({
  id: id('collection'),
  object: z.literal('collection'),
  name: z.string(),
  description: z.string(),
  metadata,
  chunking: z.object({ max_tokens: z.int(), overlap_tokens: z.int() }),
  created_at: timestamp,
  updated_at: timestamp,
});
const count = z.int();
export const collectionWithCounts = z.object({
  ...collection.shape,
  documents: z.object({
    awaiting_upload: count,
    queued: count,
    processing: count,
    ready: count,
    failed: count,
    cancelled: count,
    deleting: count,
  }),
  chunks: count,
  bytes: count,
  tokens: count,
});
