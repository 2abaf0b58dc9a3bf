import { AwsError } from '../aws/aws-error.ts';
import type { JsonCall } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { accessDeniedMessage } from '../iam/create-authorizer.ts';
import type { Secret } from './secret-store.ts';

/** Whether a key can be used now. Throws when it is unknown or disabled. */
export interface KeyCheck {
  requireUsable(keyArn: string): void;
}

export interface Access {
  /** Throws AccessDeniedException unless the caller may do `secretsmanager:<action>`. */
  require(call: JsonCall, action: string, resource: string): void;
  /** Throws unless the caller may also use the secret's own key, if it has one. */
  requireKey(
    call: JsonCall,
    secret: Pick<Secret, 'arn' | 'keyArn'>,
    actions: readonly ('kms:Decrypt' | 'kms:GenerateDataKey')[],
  ): void;
}

export function createAccess(authorizer: Authorizer, kms: KeyCheck | undefined): Access {
  return {
    require({ identity: { principal } }, action, resource) {
      const full = `secretsmanager:${action}`;
      if (authorizer.allows(principal, full, resource)) return;
      throw new AwsError('AccessDeniedException', accessDeniedMessage(principal, full, resource));
    },
    requireKey({ identity: { principal } }, { arn, keyArn }, actions) {
      if (keyArn === undefined) return;
      const context = {
        'kms:ViaService': 'secretsmanager.us-east-1.amazonaws.com',
        'kms:EncryptionContext:SecretARN': arn,
      };
      for (const action of actions) {
        if (authorizer.allows(principal, action, keyArn, context)) continue;
        throw new AwsError(
          'AccessDeniedException',
          `Access to KMS is not allowed: ${accessDeniedMessage(principal, action, keyArn)}`,
        );
      }
      kms?.requireUsable(keyArn);
    },
  };
}
