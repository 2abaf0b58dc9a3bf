import type { Caller } from '../../shared/core/caller.ts';
import { DbragError } from '../../shared/core/errors.ts';

/**
 * Whom a question or a conversation is for: a key says whom it asks for, if anybody; a person asks for themselves.
 * @throws forbidden when a person names somebody else
 */
export function subjectOfRequest({ subject }: Pick<Caller, 'subject'>, named: string | undefined): string | null {
  if (subject === null) return named ?? null;
  if (named !== undefined && named !== subject.name)
    throw new DbragError('forbidden', 'Who comes by a token asks for themselves: leave `subject` out.');
  return subject.name;
}
