import { DbragError } from '../../../shared/core/errors.ts';

/** Attributes of errors that say what happened and never hold user content. */
const loggedAttributes = [
  'code',
  'status',
  'kind',
  'severity',
  'table',
  'column',
  'constraint',
  'routine',
  '$metadata',
] as const;
/** Some messages quote a value; this is enough to see what it was about. */
const longestMessage = 500;

/**
 * An error as it may be logged: name, message, stack and the attributes above, of its causes too. Vendors' errors carry more, and
 * the logger would write it all: Postgres the failing row, Redis the arguments of the command (a password among them), a model
 * provider its answer.
 */
export function loggableError(error: unknown): Error {
  if (!(error instanceof Error))
    return new Error(typeof error === 'string' ? error.slice(0, longestMessage) : typeof error);
  // A customer's database may quote a row in its message.
  const message = error instanceof DbragError ? error.withoutRows : error.message;
  const logged = new Error(message.slice(0, longestMessage));
  logged.name = error.name;
  // The stack begins with the message.
  logged.stack = error.stack?.replace(error.message, () => logged.message) ?? '';
  if (error.cause !== undefined) logged.cause = loggableError(error.cause);
  const attributes = error as unknown as Record<string, unknown>;
  for (const name of loggedAttributes)
    if (attributes[name] !== undefined) Object.assign(logged, { [name]: attributes[name] });
  return logged;
}
