import * as z from 'zod/mini';
import { timestamp } from './primitives.ts';

const moment = z.iso.datetime({ offset: true });

export const queryAnalytics = z.strictObject({
  from: z.optional(moment),
  to: z.optional(moment),
  collection_id: z.optional(z.string()),
});

export const queryAnalyticsReport = z.object({
  object: z.literal('query_analytics'),
  from: timestamp,
  to: timestamp,
  data: z.array(
    z.object({
      hour: timestamp,
      count: z.int(),
      no_answer_rate: z.number(),
      failed: z.int(),
      cached: z.int(),
      removed_marks: z.int(),
      latency_ms: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }),
      routes: z.record(z.string(), z.int()),
      satisfaction: z.object({ ratings: z.int(), average: z.nullable(z.number()) }),
      cost_usd: z.number(),
    }),
  ),
  top_unanswered: z.array(
    z.object({
      question: z.optional(z.string().check(z.meta({ description: 'For the owner only' }))),
      count: z.int(),
      last_asked_at: timestamp,
    }),
  ),
});
