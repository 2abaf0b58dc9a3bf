import { AwsError } from '../aws/aws-error.ts';
import type { Authorizer, Principal } from '../iam/authorizer.ts';
import { accessDeniedMessage } from '../iam/create-authorizer.ts';
import type { QueueSettings } from './queue-settings.ts';

/** Throws `AccessDeniedException` unless the principal may do `action` (`sqs:SendMessage`) on the queue. */
export function requireAction(authorizer: Authorizer, principal: Principal, action: string, resource: string): void {
  if (authorizer.allows(principal, action, resource)) return;
  throw new AwsError('AccessDeniedException', accessDeniedMessage(principal, action, resource), 403);
}

/** Throws `KmsAccessDenied` unless the principal may use the key of an encrypted queue. Senders also decrypt, to reuse a data key. */
export function requireKey(
  authorizer: Authorizer,
  principal: Principal,
  queue: QueueSettings,
  use: 'send' | 'receive',
): void {
  const { kmsKeyArn } = queue;
  // The key that AWS manages for SQS asks nobody.
  if (kmsKeyArn === undefined || kmsKeyArn.endsWith('alias/aws/sqs')) return;
  const region = queue.arn.split(':')[3] ?? '';
  const context = { 'kms:ViaService': `sqs.${region}.amazonaws.com`, 'kms:EncryptionContext:aws:sqs:arn': queue.arn };
  for (const action of use === 'send' ? ['kms:GenerateDataKey', 'kms:Decrypt'] : ['kms:Decrypt']) {
    if (!authorizer.allows(principal, action, kmsKeyArn, context)) {
      throw new AwsError('KmsAccessDenied', accessDeniedMessage(principal, action, kmsKeyArn));
    }
  }
}
