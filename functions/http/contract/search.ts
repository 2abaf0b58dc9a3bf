import * as z from 'zod/mini';
import { location } from './documents.ts';
import { id, idInBody, metadata, metadataValue } from './primitives.ts';

const key = z.string().check(z.minLength(1), z.maxLength(64));
const scalar = metadataValue;
const comparison = z.strictObject({ type: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte']), key, value: scalar });
const membership = z.strictObject({
  type: z.enum(['in', 'nin']),
  key,
  value: z.array(scalar).check(z.minLength(1), z.maxLength(100)),
});

export type FilterInput =
  | z.output<typeof comparison>
  | z.output<typeof membership>
  | { type: 'and' | 'or'; filters: FilterInput[] };

const maximumDepth = 8;
const maximumConditions = 100;

const anyFilter: z.ZodMiniType<FilterInput> = z.discriminatedUnion('type', [
  comparison,
  membership,
  z.strictObject({
    type: z.enum(['and', 'or']),
    get filters(): z.ZodMiniArray<z.ZodMiniType<FilterInput>> {
      return z.array(anyFilter).check(z.minLength(1), z.maxLength(maximumConditions));
    },
  }),
]);

/** OpenAI's vector-store form, to 8 levels and 100 conditions. */
export const filter = anyFilter.check(
  z.refine((value) => depthOf(value) <= maximumDepth, `At most ${maximumDepth} levels of nesting`),
  z.refine((value) => conditionsIn(value) <= maximumConditions, `At most ${maximumConditions} conditions`),
);

function depthOf(value: FilterInput): number {
  return 'filters' in value ? 1 + Math.max(...value.filters.map(depthOf)) : 1;
}

function conditionsIn(value: FilterInput): number {
  return 'filters' in value ? value.filters.reduce((sum, inner) => sum + conditionsIn(inner), 0) : 1;
}

export const search = z.strictObject({
  query: z.string().check(
    z.maxLength(8_000),
    z.refine((value) => value.trim() !== '', 'Must not be empty'),
  ),
  collection_ids: z.optional(z.array(idInBody('collection')).check(z.minLength(1), z.maxLength(100))),
  mode: z._default(z.enum(['hybrid', 'semantic', 'keyword']), 'hybrid'),
  limit: z._default(z.int().check(z.gte(1), z.lte(100)), 10),
  filter: z.optional(filter),
  include_text: z._default(z.boolean(), true),
});

const rank = z.nullable(z.int());
const score = z.nullable(z.number());
const searchHit = z.object({
  chunk_id: id('chunk'),
  document_id: id('document'),
  document_name: z.string(),
  collection_id: id('collection'),
  source_uri: z.nullable(z.string()),
  version: z.int(),
  score: z.number(),
  text: z.optional(z.string()),
  location,
  metadata,
  scoring: z.object({ semantic_rank: rank, semantic_score: score, keyword_rank: rank, keyword_score: score }),
});
const hitOrMiss = z.enum(['hit', 'miss', 'off']);
export const searchResults = z.object({
  object: z.literal('search_results'),
  data: z.array(searchHit),
  degraded: z.array(z.string()),
  usage: z.object({ embedding_tokens: z.int(), cost_usd: z.number() }),
  cache: z.object({ embedding: hitOrMiss, result: hitOrMiss }),
  timing_ms: z.object({ embed: z.number(), search: z.number(), total: z.number() }),
});
