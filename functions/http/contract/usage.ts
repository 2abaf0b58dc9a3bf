import * as z from 'zod/mini';
import { quotaResources } from '../../../shared/limits/quotas.ts';
import { usageGroups } from '../../../shared/usage/read-usage.ts';
import { id, nullableTimestamp, timestamp } from './primitives.ts';

const moment = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

export const readUsage = z.strictObject({
  from: z.optional(moment),
  to: z.optional(moment),
  group_by: z._default(z.enum(usageGroups), 'day'),
});

const amounts = {
  requests: z.int().check(z.meta({ description: 'Number of model calls' })),
  embedding_tokens: z.int(),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  cost_usd: z.number(),
};

export const usageReport = z.object({
  object: z.literal('usage'),
  from: timestamp,
  to: timestamp,
  group_by: z.enum(usageGroups),
  data: z.array(
    z.object({
      key: z.nullable(
        z
          .string()
          .check(z.meta({ description: 'A day (UTC), a model, an operation or an id; null for usage that has none' })),
      ),
      ...amounts,
    }),
  ),
  total: z.object(amounts),
});

export const quotaList = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      resource: z.enum(quotaResources),
      used: z.number().check(z.meta({ description: 'For documents: in the fullest collection' })),
      limit: z.nullable(z.number().check(z.meta({ description: 'Null: no limit' }))),
      resets_at: z.nullable(timestamp),
    }),
  ),
});

const amount = z.nullable(z.int().check(z.gte(0), z.lte(Number.MAX_SAFE_INTEGER)));
const rateLimit = z.nullable(
  z.strictObject({ requests: z.int().check(z.gte(1), z.lte(1e9)), seconds: z.int().check(z.gte(1), z.lte(86_400)) }),
);
const classLimits = z.optional(z.strictObject({ subject: z.optional(rateLimit), workspace: z.optional(rateLimit) }));

const quotas = z.strictObject({
  collections: z.optional(amount),
  documents: z.optional(amount),
  stored_bytes: z.optional(amount),
  chunks: z.optional(amount),
  connections: z.optional(amount),
  chat_tokens: z.optional(amount),
  embedding_tokens: z.optional(amount),
});
const rateLimits = z.strictObject({ ask: classLimits, read: classLimits, write: classLimits, poll: classLimits });

/** Null for one limit: none. Null for all: as the stage has them. Whatever is not named stays. */
export const setLimits = z.strictObject({
  quotas: z.optional(z.nullable(quotas)),
  rate_limits: z.optional(z.nullable(rateLimits)),
});

export const limitedWorkspace = z.object({
  id: id('workspace'),
  object: z.literal('workspace'),
  name: z.string(),
  created_at: nullableTimestamp,
  quotas: z.record(z.string(), z.nullable(z.number())),
  rate_limits: z.record(z.string(), z.unknown()),
});
