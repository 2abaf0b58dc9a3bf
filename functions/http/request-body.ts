import type { z } from 'zod/mini';
import { DbragError, type InvalidMember, validationFailed } from '../../shared/core/errors.ts';
import type { Received } from '../runtime/received-request.ts';

/** API Gateway passes on at most 6 MB after its own encoding; larger documents are uploaded. */
const maximumBodyBytes = 4 * 1024 * 1024;
const maximumDepth = 64;

/**
 * The parsed JSON body of a request.
 * @param checksText false: the caller asks `refuseUnstorable` of each part
 * @param mayBeEmpty whether a request without a body means one without members
 * @throws payload_too_large, unsupported_media_type, malformed_json, or validation_failed for text that Postgres cannot hold
 */
export async function readJsonBody(
  request: Received,
  { checksText = true, mayBeEmpty = false } = {},
): Promise<unknown> {
  const type = request.headers.get('content-type');
  if (type !== null && !/^application\/(.+\+)?json\b/i.test(type)) {
    throw new DbragError('unsupported_media_type', 'Send JSON: content-type application/json.');
  }
  const text = await request.text();
  if (Buffer.byteLength(text) > maximumBodyBytes) {
    throw new DbragError(
      'payload_too_large',
      'A request body may have 4 MiB. Send larger documents by POST /v1/uploads.',
    );
  }
  if (text === '' && mayBeEmpty) return {};
  const body = parse(text);
  if (checksText) refuseUnstorable(body);
  return body;
}

/** @throws validation_failed */
export function refuseUnstorable(body: unknown): void {
  const errors = unstorableText(body);
  if (errors.length > 0) throw validationFailed(errors);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new DbragError('malformed_json', text === '' ? 'The request has no body.' : 'The body is not valid JSON.');
  }
}

/** What zod says of a member that is not there: whoever sent the body knows of no `undefined`. */
const missing = /^Invalid input: (expected .+), received undefined$/;

/** Checks a value against a schema. @throws validation_failed with a JSON pointer for each fault */
export async function check<S extends z.ZodMiniType>(schema: S, value: unknown, root = ''): Promise<z.output<S>> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  // The messages are loaded only when something is wrong; otherwise every cold start would pay for them.
  const { default: english } = await import('zod/v4/locales/en.js');
  const say = english().localeError;
  const errors: InvalidMember[] = [];
  for (const issue of result.error.issues) {
    const message =
      issue.message !== 'Invalid input'
        ? issue.message
        : say({ ...issue, input: memberAt(value, issue.path) } as never);
    const sentence = (typeof message === 'string' ? message : message?.message) ?? 'Invalid input';
    const detail = sentence.replace(missing, 'Missing: $1');
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys)
        errors.push({ pointer: pointer(root, [...issue.path, key]), detail: 'Unknown member' });
    } else errors.push({ pointer: pointer(root, issue.path), detail });
  }
  throw validationFailed(errors);
}

/** zod leaves the input out of its issues, so its messages would say that nothing was received. */
function memberAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

/**
 * Finds content of a body that cannot be stored: U+0000, lone surrogates, or nesting beyond 64 levels. Iterates with an explicit stack,
 * since a body of 4 MiB can nest deeper than the call stack.
 */
export function unstorableText(body: unknown): InvalidMember[] {
  const errors: InvalidMember[] = [];
  const stack: { value: unknown; path: readonly PropertyKey[] }[] = [{ value: body, path: [] }];
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    const { value, path } = entry;
    if (typeof value === 'string') {
      if (!isStorable(value))
        errors.push({ pointer: pointer('', path), detail: 'Text must not hold U+0000 or lone surrogates' });
    } else if (typeof value === 'object' && value !== null) {
      if (path.length >= maximumDepth)
        return [{ pointer: pointer('', path.slice(0, 3)), detail: `Nested deeper than ${maximumDepth} levels` }];
      for (const [key, member] of Object.entries(value)) {
        if (!isStorable(key))
          errors.push({ pointer: pointer('', path), detail: 'A member name must not hold U+0000 or lone surrogates' });
        stack.push({ value: member, path: [...path, key] });
      }
    }
    if (errors.length >= 100) return errors;
  }
  return errors;
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** RFC 6901. */
function pointer(root: string, path: readonly PropertyKey[]): string {
  return root + path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
