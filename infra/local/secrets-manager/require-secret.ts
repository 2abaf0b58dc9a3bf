import type { Clock } from '../aws/clock.ts';
import type { JsonCall, JsonInput } from '../aws/json-protocol.ts';
import type { Access } from './access.ts';
import { invalidRequest, notFound, requiredText } from './input.ts';
import type { Secret, SecretStore } from './secret-store.ts';
import { findSecret } from './secrets.ts';

/** What every operation works with. */
export interface Parts {
  readonly store: SecretStore;
  readonly access: Access;
  readonly clock: Clock;
}

/**
 * The secret that `SecretId` means, for one who may do `action` on it. A name that means nothing is its own resource
 * for IAM, as in the account: only those with a grant on `*` learn that it does not exist.
 */
export function requireSecret(
  { store, access, clock }: Parts,
  input: JsonInput,
  call: JsonCall,
  action: string,
): Secret {
  const id = requiredText(input, 'SecretId');
  const secret = findSecret(store, id, clock.now());
  access.require(call, action, secret?.arn ?? id);
  if (secret === undefined) throw notFound();
  return secret;
}

/** The same, for what cannot be done to a secret that waits for its end. */
export function requireLivingSecret(parts: Parts, input: JsonInput, call: JsonCall, action: string): Secret {
  const secret = requireSecret(parts, input, call, action);
  if (secret.deleteAt === undefined) return secret;
  throw invalidRequest("You can't perform this operation on the secret because it was marked for deletion.");
}
