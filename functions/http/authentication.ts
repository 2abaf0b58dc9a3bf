import { timingSafeEqual } from 'node:crypto';
import { hashApiKey, isWellFormedApiKey } from '../../shared/access/api-key.ts';
import { longestToken, looksLikeToken } from '../../shared/access/token-form.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { DbragError, notFound } from '../../shared/core/errors.ts';
import { publicId } from '../../shared/core/ids.ts';
import type { Received } from '../runtime/received-request.ts';
import type { Services } from '../runtime/services.ts';

/**
 * Identifies the caller: by an API key, or as a person by a token of an identity provider.
 * @throws unauthorized when neither holds · what `TokenDirectory.find` throws · not_found when `x-dbrag-workspace` names a workspace
 * that is not the caller's
 */
export async function authenticateCaller(request: Received, services: Services): Promise<Caller> {
  const credential = credentialOf(request);
  const workspace = request.headers.get('x-dbrag-workspace');
  if (looksLikeToken(credential)) return services.tokens.find(credential, workspace);
  // The checksum refuses typos and guesses without a look-up.
  const caller = isWellFormedApiKey(credential) ? await services.apiKeys.find(hashApiKey(credential)) : undefined;
  if (caller === undefined) throw new DbragError('unauthorized', 'This API key is unknown, revoked or expired.');
  if (workspace !== null && workspace !== publicId('workspace', caller.workspaceId)) throw notFound('workspace');
  return caller;
}

/** @throws unauthorized unless the request bears the operator's secret */
export async function authenticateOperator(request: Received, services: Services): Promise<void> {
  const given = hashApiKey(credentialOf(request));
  const expected = hashApiKey(await services.operatorSecret());
  if (!timingSafeEqual(given, expected)) throw new DbragError('unauthorized', 'This is not the operator key.');
}

/** Whether what comes with the request is by its form an API key or a token, good or not, and so not the operator's secret. */
export function bearsCaller(request: Received): boolean {
  const credential = credentialOf(request);
  return isWellFormedApiKey(credential) || looksLikeToken(credential);
}

/** @throws unauthorized when nothing comes with the request, or too much */
export function credentialOf(request: Received): string {
  const authorization = request.headers.get('authorization');
  const bearer = authorization === null ? undefined : /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
  const credential = bearer ?? request.headers.get('x-api-key') ?? '';
  if (credential === '') throw new DbragError('unauthorized', 'Send an API key: Authorization: Bearer <key>.');
  if (credential.length > longestToken)
    throw new DbragError('unauthorized', `A key or token may have ${longestToken} characters.`);
  return credential;
}
