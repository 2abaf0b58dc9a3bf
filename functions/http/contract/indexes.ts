import * as z from 'zod/mini';
import { timestamp } from './primitives.ts';

const vectorIndex = z.object({
  object: z.literal('index'),
  partition: z.string(),
  model: z.string(),
  status: z.enum(['exact', 'waiting', 'building', 'ready', 'refused', 'failed']),
  kind: z.nullable(z.enum(['hnsw', 'hnsw_binary'])),
  parameters: z.record(z.string(), z.number()),
  ef_search: z.int(),
  rows: z.number(),
  dead_share: z.number(),
  recall: z.nullable(z.number()),
  checked_at: z.nullable(timestamp),
  built_at: z.nullable(timestamp),
  build_seconds: z.nullable(z.number()),
  why: z.string(),
});

export const vectorIndexes = z.object({ object: z.literal('list'), data: z.array(vectorIndex) });

export const rebuildIndex = z.strictObject({ partition: z.optional(z.string().check(z.maxLength(63))) });
