import * as z from 'zod/mini';
import { idInBody } from './primitives.ts';

export const runSql = z.strictObject({
  connection_id: idInBody('connection'),
  sql: z.string().check(
    z.maxLength(100_000),
    z.refine((text) => text.trim() !== '', 'Must not be empty'),
  ),
  limit: z._default(z.int().check(z.gte(1), z.lte(10_000)), 1_000),
});
export type RunSql = z.output<typeof runSql>;

export const sqlResult = z.object({
  object: z.literal('sql_result'),
  connection_id: z.string(),
  statement: z.string().check(z.meta({ description: 'The statement that was run: each table with its schema' })),
  tables: z.array(z.string()),
  columns: z.array(z.string()),
  rows: z.array(z.array(z.unknown())).check(
    z.meta({
      description: 'Values that a JSON number cannot hold exactly (bigint, numeric, NaN), dates and bytes are strings',
    }),
  ),
  row_count: z.int(),
  truncated: z.boolean().check(z.meta({ description: 'There are more rows than `limit`, or more than 4 MB of them' })),
  timing_ms: z.object({ check: z.number(), explain: z.number(), execute: z.number(), total: z.number() }),
});

export const generateSql = z.strictObject({
  connection_id: idInBody('connection'),
  question: z.string().check(
    z.maxLength(8_000),
    z.refine((text) => text.trim() !== '', 'Must not be empty'),
  ),
});
export type GenerateSql = z.output<typeof generateSql>;

export const generatedSql = z.object({
  object: z.literal('generated_sql'),
  connection_id: z.string(),
  question: z.string(),
  sql: z.string().check(z.meta({ description: 'It passed the firewall; nothing was run' })),
  tables: z.array(z.string()),
  assumptions: z.array(z.string()).check(z.meta({ description: 'Assumptions made about the question' })),
  planned: z
    .boolean()
    .check(z.meta({ description: 'Whether the database planned it; false if it could not be reached' })),
  attempts: z.int().check(z.meta({ description: '2: the first attempt was refused, and the model corrected it' })),
  model: z.string(),
  usage: z.object({
    embedding_tokens: z.int(),
    prompt_tokens: z.int(),
    completion_tokens: z.int(),
    cost_usd: z.number(),
  }),
  timing_ms: z.object({ model: z.number(), plan: z.number(), total: z.number() }),
});
