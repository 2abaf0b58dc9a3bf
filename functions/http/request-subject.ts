import type { Caller } from '../../shared/core/caller.ts';
import { DbragError } from '../../shared/core/errors.ts';

/**
 * The person that a question or a conversation is for. A key may name anybody or nobody; a person asks for themselves.
 * @throws forbidden when a person names somebody else
 */
export function subjectOfRequest({ subject }: Pick<Caller, 'subject'>, named: string | undefined): string | null {
  if (subject === null) return named ?? null;
  if (named !== undefined && named !== subject.name)
    throw new DbragError('forbidden', 'Callers with a token ask on their own behalf: leave `subject` out.');
  return subject.name;
}
