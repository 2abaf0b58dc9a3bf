import { arn } from '../assembly/names.ts';
import type { JsonInput, JsonOperation } from '../aws/json-protocol.ts';
import { seconds } from './describe-secret.ts';
import { invalidParameter, requiredText } from './input.ts';
import { type Parts, requireLivingSecret, requireSecret } from './require-secret.ts';
import { findSecret } from './secrets.ts';

const DAY = 86_400_000;

/** DeleteSecret with its recovery window, and RestoreSecret within it. */
export function deletionOperations(parts: Parts): Record<string, JsonOperation> {
  const { store, access, clock } = parts;
  return {
    DeleteSecret(input, call) {
      const now = clock.now();
      const forced = input.ForceDeleteWithoutRecovery === true;
      const days = recoveryDays(input, forced);
      const id = requiredText(input, 'SecretId');
      if (forced && findSecret(store, id, now) === undefined) {
        // A forced deletion of what is not there succeeds, so that it can be repeated.
        access.require(call, 'DeleteSecret', id.startsWith('arn:') ? id : arn('secretsmanager', `secret:${id}`));
        return { ARN: id, Name: id, DeletionDate: seconds(now) };
      }
      const secret = forced
        ? requireSecret(parts, input, call, 'DeleteSecret')
        : requireLivingSecret(parts, input, call, 'DeleteSecret');
      const deleteAt = now + days * DAY;
      if (forced) store.remove(secret.arn);
      else store.save({ ...secret, deleteAt });
      return { ARN: secret.arn, Name: secret.name, DeletionDate: seconds(deleteAt) };
    },
    RestoreSecret(input, call) {
      const secret = requireSecret(parts, input, call, 'RestoreSecret');
      store.save({ ...secret, deleteAt: undefined });
      return { ARN: secret.arn, Name: secret.name };
    },
  };
}

function recoveryDays(input: JsonInput, forced: boolean): number {
  const given = input.RecoveryWindowInDays;
  if (forced && given !== undefined) {
    throw invalidParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  }
  if (forced) return 0;
  const days = Number(given ?? 30);
  if (!Number.isInteger(days) || days < 7 || days > 30) {
    throw invalidParameter('The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).');
  }
  return days;
}
