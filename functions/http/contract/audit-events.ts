import * as z from 'zod/mini';
import { id, listQueryMembers, timestamp } from './primitives.ts';

const moment = z.iso.datetime({ offset: true });
const word = z.string().check(z.minLength(1), z.maxLength(128));
const accessType = z.enum(['write', 'data_access', 'security']);
const outcome = z.enum(['success', 'failure', 'denied']);

export const listAuditEvents = z.strictObject({
  ...listQueryMembers,
  actor: z.optional(word),
  action: z.optional(word),
  resource_type: z.optional(word),
  resource_id: z.optional(word),
  access_type: z.optional(accessType),
  outcome: z.optional(outcome),
  request_id: z.optional(word),
  subject: z.optional(z.string().check(z.minLength(1), z.maxLength(255))),
  from: z.optional(moment),
  to: z.optional(moment),
});

export const auditEvent = z.object({
  id: id('auditEvent'),
  object: z.literal('audit_event'),
  at: timestamp,
  actor: z.string().check(z.meta({ description: 'An API key, a subject, or an automatic actor: `s3`, `retention`' })),
  action: z.string(),
  resource_type: z.string(),
  resource_id: z.nullable(z.string()),
  access_type: accessType,
  outcome,
  subject: z
    .nullable(z.string())
    .check(z.meta({ description: 'On whose behalf it was done; also null once that subject was erased' })),
  ip: z.nullable(z.string()),
  user_agent: z.nullable(z.string()),
  request_id: z.nullable(z.string()),
  detail: z.record(z.string(), z.unknown()),
  sealed: z
    .boolean()
    .check(
      z.meta({ description: 'Whether it is part of the hash chain yet; events are sealed within a minute or two' }),
    ),
});
