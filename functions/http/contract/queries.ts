import * as z from 'zod/mini';
import { location } from './documents.ts';
import { id, idInBody, listQueryMembers, timestamp } from './primitives.ts';
import { filter } from './search.ts';

/** Whom a question is asked for, in the caller's own words: an id of theirs, which exports and erasures go by. */
export const subject = z.string().check(z.trim(), z.minLength(1), z.maxLength(255));

/** The options of a question besides its text; a message of a conversation takes the same. */
export const queryMembers = {
  collection_ids: z.optional(z.array(idInBody('collection')).check(z.minLength(1), z.maxLength(100))),
  connection_ids: z.optional(z.array(idInBody('connection')).check(z.minLength(1), z.maxLength(100))),
  route: z._default(z.enum(['auto', 'documents', 'database', 'both']), 'auto'),
  reasoning: z._default(z.enum(['direct', 'decompose']), 'direct'),
  stream: z._default(z.boolean(), false),
  limit: z._default(z.int().check(z.gte(1), z.lte(50)), 12),
  filter: z.optional(filter),
  subject: z.optional(subject),
};

export const questionText = z.string().check(
  z.maxLength(8_000),
  z.refine((value) => value.trim() !== '', 'Must not be empty'),
);

export const createQuery = z.strictObject({ question: questionText, ...queryMembers });

const described = {
  n: z.int(),
  kind: z.literal('document'),
  document_id: id('document'),
  document_name: z.string(),
  collection_id: id('collection'),
  source_uri: z.nullable(z.string()),
  version: z.int(),
  chunk_id: id('chunk'),
  location,
};
const citation = z.discriminatedUnion('kind', [
  z.object({
    ...described,
    quote: z.string().check(z.meta({ description: 'A verbatim span of the chunk; the location is that of the quote' })),
    verified: z.literal(true),
  }),
  z.object({
    n: z.int(),
    kind: z.literal('sql'),
    connection_id: id('connection'),
    statement: z.string(),
    value: z.string().check(z.meta({ description: 'As it appears in the rows, or as calculated from them' })),
    verified: z.literal(true),
  }),
]);
const sql = z.object({
  connection_id: id('connection'),
  statement: z.string().check(z.meta({ description: 'The statement that was run: each table with its schema' })),
  columns: z.array(z.string()),
  rows: z.array(z.array(z.unknown())),
  row_count: z.int(),
  truncated: z.boolean().check(z.meta({ description: 'There are more rows than returned here' })),
  tables: z.array(z.string()),
  assumptions: z.array(z.string()).check(z.meta({ description: 'Assumptions made about the question' })),
  executed_at: timestamp,
});
const source = z.object({
  ...described,
  score: z.number(),
  text: z.optional(
    z.string().check(z.meta({ description: 'Only in the answer itself: the history stores no source texts' })),
  ),
});
const route = z.enum(['documents', 'database', 'both', 'clarify']);
const problem = z.nullable(z.object({ code: z.string(), detail: z.string() }));

export const query = z.object({
  id: id('query'),
  object: z.literal('query'),
  question: z.string(),
  route,
  reasoning: z.enum(['direct', 'decompose']),
  answer: z.nullable(z.string()),
  citations: z.array(citation),
  sources: z.array(source),
  sql: z.nullable(sql).check(z.meta({ description: 'The query to a database, and its rows' })),
  steps: z.array(
    z.object({
      question: z.string(),
      route,
      answer: z.nullable(z.string()),
      sql: z.nullable(sql).check(z.meta({ description: 'The query to a database for this part, and its rows' })),
    }),
  ),
  model: z.string(),
  provider: z.string(),
  removed_marks: z
    .int()
    .check(z.meta({ description: 'Citation marks that failed the check: the statements before them are uncited' })),
  unverified_numbers: z
    .int()
    .check(
      z.meta({ description: 'Numbers found neither in the rows nor in the documents; each is marked in the answer' }),
    ),
  sources_count: z.int(),
  degraded: z.array(z.string()),
  error: problem,
  usage: z.object({
    embedding_tokens: z.int(),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    cost_usd: z.number(),
  }),
  cache: z.object({ embedding: z.enum(['hit', 'miss', 'off']), result: z.enum(['hit', 'miss', 'off']) }),
  timing_ms: z.object({
    route: z.number(),
    retrieve: z.number(),
    sql_generate: z.number(),
    sql_execute: z.number(),
    first_token: z.nullable(z.number()),
    total: z.number(),
  }),
  conversation_id: z.nullable(id('conversation')),
  subject: z.nullable(z.string()),
  feedback: z.nullable(z.object({ rating: z.int(), comment: z.nullable(z.string()), at: timestamp })),
  created_at: timestamp,
});

const flag = z.pipe(
  z.enum(['true', 'false']),
  z.transform((value) => value === 'true'),
);
export const listQueries = z.strictObject({
  ...listQueryMembers,
  route: z.optional(route),
  answered: z.optional(flag),
  rated: z.optional(flag),
  conversation_id: z.optional(z.string()),
  subject: z.optional(z.string()),
  from: z.optional(z.iso.datetime({ offset: true })),
  to: z.optional(z.iso.datetime({ offset: true })),
});

export const feedback = z.strictObject({
  rating: z.int().check(z.gte(1), z.lte(5)),
  comment: z.optional(z.string().check(z.maxLength(2_000))),
});

const score = z.nullable(z.number());
export const queryTrace = z.object({
  query_id: id('query'),
  object: z.literal('query_trace'),
  searches: z.array(
    z.object({
      question: z.string(),
      hits: z.array(
        z.object({
          chunk_id: id('chunk'),
          document_id: id('document'),
          semantic_rank: score,
          semantic_score: score,
          keyword_rank: score,
          keyword_score: score,
          fused_score: z.number(),
        }),
      ),
    }),
  ),
  chunk_ids: z.array(id('chunk')),
  prompt_hash: z.nullable(z.string()),
  removed_marks: z.int(),
  unverified_numbers: z.optional(z.int()),
  sql: z.optional(
    z.array(
      z.object({
        connection_id: id('connection'),
        statement: z.string(),
        tables: z.array(z.string()),
        row_count: z.int(),
        truncated: z.boolean(),
      }),
    ),
  ),
  model_first_token_ms: z.nullable(z.number()),
  timing_ms: query.shape.timing_ms,
});
