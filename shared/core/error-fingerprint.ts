import { createHash } from 'node:crypto';
import { DbragError } from './errors.ts';
import { Outage } from './outage.ts';

/** An unexpected error in a form that may be stored: it contains no user content. */
export interface Failure {
  /** 16 hex digits: the same for errors of one name and code that came through the same functions. */
  readonly fingerprint: string;
  readonly name: string;
  readonly code: string | null;
  /** Names of functions, innermost first. */
  readonly frames: readonly string[];
}

/** Enough to distinguish two places; frames further out only differ by how the work was triggered. */
const mostFrames = 4;

/** Undefined for expected errors: mistakes of the caller, and outages. */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof Outage || (error instanceof DbragError && error.code !== 'internal')) return undefined;
  const name = error instanceof Error ? error.name : typeof error;
  const code = codeOf(error);
  const frames = framesOf(error);
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([name, code, frames]))
    .digest('hex')
    .slice(0, 16);
  return { fingerprint, name, code, frames };
}

/** The code of the error or of its cause: drivers use it to distinguish errors of one name. */
function codeOf(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' || typeof code === 'number') return String(code).slice(0, 100);
  return codeOf(error.cause);
}

/**
 * Names without files, lines and classes: every deploy moves those or names them anew. Node’s own frames say how the work was scheduled,
 * and not what it was. A message may hold lines that look like frames, of whatever somebody wrote.
 */
function framesOf(error: unknown): string[] {
  const stack = error instanceof Error ? stackWithoutMessage(error) : '';
  return [...stack.matchAll(/^ +at (?:async )?(?:new )?([\w$.#<>[\] ]+?) \((?!node:)/gm)]
    .map(
      ([, name = '']) =>
        name
          .replace(/ \[as .*$/, '')
          .split('.')
          .at(-1) ?? '',
    )
    .filter((name) => name !== '' && !name.includes('<anonymous>'))
    .slice(0, mostFrames);
}

/** The stack begins with name and message, as they were when the error was made. */
function stackWithoutMessage({ stack = '', message }: Error): string {
  const at = stack.indexOf(message);
  if (message !== '' && at !== -1 && !stack.slice(0, at).includes('\n')) return stack.slice(at + message.length);
  // The message has been changed since: what follows its last line that is no frame.
  const lines = stack.trimEnd().split('\n');
  return lines.slice(lines.findLastIndex((line) => !/^ +at /.test(line)) + 1).join('\n');
}
