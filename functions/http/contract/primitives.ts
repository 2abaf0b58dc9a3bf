import * as z from 'zod/mini';
import { type IdKind, idPrefixes } from '../../../shared/core/ids.ts';
import { labelLimits } from '../../../shared/ingestion/label-limits.ts';

/** A public id in a response, or in a request whose route reports unknown ids itself. */
export function id(kind: IdKind) {
  return z.string().check(
    z.meta({
      description: `An id: ${idPrefixes[kind]}_ and 32 hexadecimal digits`,
      examples: [`${idPrefixes[kind]}_0198c3d2a1b47c5e8f90123456789abc`],
    }),
  );
}

/** An id inside a body that must have an id's form; one that names nothing is 404. */
export function idInBody(kind: IdKind) {
  return id(kind).check(
    z.regex(
      new RegExp(`^${idPrefixes[kind]}_[0-9a-f]{32}$`),
      `Must be an id: ${idPrefixes[kind]}_ and 32 hexadecimal digits`,
    ),
  );
}

export const name = z.string().check(z.trim(), z.minLength(1), z.maxLength(labelLimits.documentNameLength));
export const timestamp = z.string().check(z.meta({ format: 'date-time' }));
export const nullableTimestamp = z.nullable(timestamp);

export const metadataValue = z.union(
  [z.string().check(z.maxLength(labelLimits.valueLength)), z.number(), z.boolean()],
  `Must be a string of at most ${labelLimits.valueLength} characters, a number, true or false`,
);

/** Flat labels of the caller's own; filters of a search read them. */
export const metadata = z
  .record(z.string().check(z.minLength(1), z.maxLength(labelLimits.nameLength)), metadataValue)
  .check(
    z.refine((value) => Object.keys(value).length <= labelLimits.members, `At most ${labelLimits.members} members`),
  );

export const priority = z.enum(['critical', 'default', 'low']);

/** Failure of a document or a job: a stable word and a sentence. */
export const failure = z.nullable(z.object({ code: z.string(), message: z.string() }));

/** Query of every list: newest first, the page after an id. */
export const listQueryMembers = {
  limit: z._default(z.coerce.number().check(z.int(), z.gte(1), z.lte(100)), 20),
  after: z.optional(z.string()),
};
export const listQuery = z.strictObject(listQueryMembers);

export function listOf<S extends z.ZodMiniType>(item: S) {
  return z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.nullable(z.string()),
    last_id: z.nullable(z.string()),
    has_more: z.boolean(),
  });
}
