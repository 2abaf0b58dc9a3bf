import * as z from 'zod/mini';
import { id, timestamp } from './primitives.ts';
import { narrowing, role } from './workspaces.ts';

/** As the issuer's tokens have it: the shortest `sub` is a character, and what is longer than 255 is refused in tokens as well. */
export const subject = z.string().check(z.minLength(1), z.maxLength(255));

export const putMember = z.strictObject({
  role,
  issuer: z.optional(
    z
      .string()
      .check(
        z.maxLength(2_000),
        z.meta({ description: 'An identity provider of the stage; may be omitted if there is only one' }),
      ),
  ),
  ...narrowing,
});
export const member = z.object({
  object: z.literal('member'),
  subject: z.string().check(z.meta({ description: 'The `sub` of their tokens' })),
  subject_id: z.nullable(id('subject')),
  issuer: z.string(),
  role,
  collection_ids: z.nullable(z.array(z.string())),
  connection_ids: z.nullable(z.array(z.string())),
  created_at: timestamp,
  updated_at: timestamp,
});
