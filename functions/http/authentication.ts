import { timingSafeEqual } from 'node:crypto';
import { hashApiKey, isWellFormedApiKey } from '../../shared/access/api-key.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { DbragError } from '../../shared/core/errors.ts';
import type { Received } from '../runtime/received-request.ts';
import type { Services } from '../runtime/services.ts';

/** @throws unauthorized when no valid, living API key comes with the request */
export async function authenticateCaller(request: Received, services: Services): Promise<Caller> {
  const token = tokenOf(request);
  // The checksum refuses typos and guesses without a look-up.
  const caller = isWellFormedApiKey(token) ? await services.apiKeys.find(hashApiKey(token)) : undefined;
  if (caller === undefined) throw new DbragError('unauthorized', 'This API key is unknown, revoked or expired.');
  return caller;
}

/** @throws unauthorized unless the request bears the operator's secret */
export async function authenticateOperator(request: Received, services: Services): Promise<void> {
  const given = hashApiKey(tokenOf(request));
  const expected = hashApiKey(await services.operatorSecret());
  if (!timingSafeEqual(given, expected)) throw new DbragError('unauthorized', 'This is not the operator key.');
}

/** Whether what comes with the request is an API key by its form, good or not. */
export const bearsApiKey = (request: Received): boolean => isWellFormedApiKey(tokenOf(request));

function tokenOf(request: Received): string {
  const authorization = request.headers.get('authorization');
  const bearer = authorization === null ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  const token = bearer ?? request.headers.get('x-api-key') ?? '';
  if (token === '') throw new DbragError('unauthorized', 'Send an API key: Authorization: Bearer <key>.');
  return token;
}
