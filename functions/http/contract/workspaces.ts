import * as z from 'zod/mini';
import { id, idInBody, name, nullableTimestamp, timestamp } from './primitives.ts';

export const role = z.enum(['reader', 'editor', 'admin', 'owner']);

export const createWorkspace = z.strictObject({ name });
export const listedWorkspace = z.object({
  id: id('workspace'),
  object: z.literal('workspace'),
  name: z.string(),
  created_at: timestamp,
});
export const workspace = z.object({
  ...listedWorkspace.shape,
  retention_days: z.int().check(
    z.meta({
      description: 'Days for which questions and answers are kept; a conversation is from its last message on',
    }),
  ),
  document_retention_days: z
    .nullable(z.int())
    .check(z.meta({ description: 'Documents are deleted when their newest version is older than this; null: never' })),
  audit_retention_days: z.int().check(z.meta({ description: 'Days for which the audit trail is kept' })),
  chat_model: z.string().check(z.meta({ description: 'The model that writes answers' })),
  chat_models: z.array(z.string()).check(z.meta({ description: 'The models that may be chosen' })),
});
export const createdWorkspace = z.object({
  ...listedWorkspace.shape,
  api_key: z.object({ id: id('apiKey'), secret: z.optional(z.string()) }),
});
/** Null: as the stage has it. */
export const updateWorkspace = z.strictObject({
  name: z.optional(name),
  retention_days: z.optional(z.nullable(z.int().check(z.gte(1), z.lte(3_650)))),
  document_retention_days: z.optional(z.nullable(z.int().check(z.gte(1), z.lte(3_650)))),
  audit_retention_days: z.optional(z.nullable(z.int().check(z.gte(30), z.lte(3_650)))),
  chat_model: z.optional(z.nullable(z.string().check(z.minLength(1), z.maxLength(100)))),
});

/** Null or absent: all that the caller may see; an empty list: none. */
export const narrowing = {
  collection_ids: z.optional(z.nullable(z.array(idInBody('collection')).check(z.maxLength(100)))),
  connection_ids: z.optional(z.nullable(z.array(idInBody('connection')).check(z.maxLength(100)))),
};

const perMinute = z.optional(z.int().check(z.gte(1), z.lte(1_000_000)));
/** Requests a minute by class; of a class that is not named the workspace's limit holds alone. */
const rateLimits = z.strictObject({ ask: perMinute, read: perMinute, write: perMinute, poll: perMinute });

export const createApiKey = z.strictObject({
  name,
  role,
  expires_at: z.optional(z.nullable(z.iso.datetime({ offset: true }))),
  rate_limits: z.optional(z.nullable(rateLimits)),
  ...narrowing,
});
export const apiKey = z.object({
  id: id('apiKey'),
  object: z.literal('api_key'),
  name: z.string(),
  role,
  collection_ids: z.nullable(z.array(z.string())),
  connection_ids: z.nullable(z.array(z.string())),
  rate_limits: z.nullable(rateLimits),
  created_at: timestamp,
  expires_at: nullableTimestamp,
  last_used_at: nullableTimestamp,
});
export const createdApiKey = z.object({
  ...apiKey.shape,
  secret: z.optional(z.string().check(z.meta({ description: 'Shown once: only its hash is kept' }))),
});
