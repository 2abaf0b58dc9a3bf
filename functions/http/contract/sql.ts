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
  statement: z.string().check(z.meta({ description: 'What was run: each table with its schema' })),
  tables: z.array(z.string()),
  columns: z.array(z.string()),
  rows: z.array(z.array(z.unknown())).check(
    z.meta({
      description: 'What a JSON number does not hold exactly (bigint, numeric, NaN), days and bytes are texts',
    }),
  ),
  row_count: z.int(),
  truncated: z.boolean().check(z.meta({ description: 'There are more rows than `limit`, or than 4 MB' })),
  timing_ms: z.object({ check: z.number(), explain: z.number(), execute: z.number(), total: z.number() }),
});
