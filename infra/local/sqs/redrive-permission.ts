import { AwsError } from '../aws/aws-error.ts';
import type { LocalQueue } from './queue.ts';
import type { QueueSettings } from './queue-settings.ts';

/**
 * Throws when a queue may not name its dead-letter queue as such. One that does not exist yet is let pass: a template
 * makes its queues in any order, and the first move will say so.
 */
export function checkRedrive(settings: QueueSettings, queueOf: (arn: string) => LocalQueue | undefined): void {
  const { redrivePolicy, arn } = settings;
  if (redrivePolicy === undefined) return;
  const allow = queueOf(redrivePolicy.deadLetterTargetArn)?.settings.redriveAllowPolicy;
  const denied =
    allow?.redrivePermission === 'denyAll' ||
    (allow?.redrivePermission === 'byQueue' && allow.sourceQueueArns?.includes(arn) !== true);
  if (redrivePolicy.deadLetterTargetArn === arn || denied) {
    const value = JSON.stringify(redrivePolicy);
    const reason = denied
      ? 'Dead letter target does not allow this source.'
      : 'Dead letter target is the queue itself.';
    throw new AwsError(
      'InvalidParameterValue',
      `Value ${value} for parameter RedrivePolicy is invalid. Reason: ${reason}`,
    );
  }
}
