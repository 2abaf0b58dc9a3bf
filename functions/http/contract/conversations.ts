import * as z from 'zod/mini';
import { id, listQueryMembers, metadata, timestamp } from './primitives.ts';
import { queryMembers, questionText, subject } from './queries.ts';

export const createConversation = z.strictObject({
  title: z.optional(z.string().check(z.trim(), z.minLength(1), z.maxLength(255))),
  metadata: z.optional(metadata),
  subject: z.optional(subject),
});

export const listConversations = z.strictObject({ ...listQueryMembers, subject: z.optional(z.string()) });

export const conversation = z.object({
  id: id('conversation'),
  object: z.literal('conversation'),
  title: z.nullable(z.string()),
  metadata,
  subject: z.nullable(z.string()),
  created_at: timestamp,
  updated_at: timestamp,
});

const message = z.object({
  id: id('message'),
  role: z.enum(['user', 'assistant']),
  content: z.string(),
  query_id: z.nullable(id('query')),
  created_at: timestamp,
});

export const conversationWithMessages = z.object({ ...conversation.shape, messages: z.array(message) });

export const createMessage = z.strictObject({ content: questionText, ...queryMembers });
