import { AwsError } from '../aws/aws-error.ts';
import { ConnectionCut, type JsonCall, type JsonInput, type JsonOperation } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { type Faults, strikes } from './faults.ts';
import { parseMessageAttributes, sizeOf } from './message-attributes.ts';
import { formatReceived, formatSent, readMessage } from './message-form.ts';
import { requireAction, requireKey } from './permissions.ts';
import type { LocalQueue } from './queue.ts';
import { LARGEST_MESSAGE } from './queue-settings.ts';
import { type BatchEntry, batchEntries, text, wholeNumber } from './request-fields.ts';

/** What the operations need of the server. */
export interface OperationSurroundings {
  readonly authorizer: Authorizer;
  /** Throws `QueueDoesNotExist`. */
  readonly queueOfUrl: (url: string) => LocalQueue;
  readonly faults: () => Faults;
}

/** Sending, receiving, deleting and hiding messages, one by one and in batches. */
export function messageOperations(around: OperationSurroundings): Record<string, JsonOperation> {
  /** The queue that a call names, once its caller may do `action` there. */
  const permitted = (input: JsonInput, call: JsonCall, action: string, use?: 'send' | 'receive'): LocalQueue => {
    const queue = around.queueOfUrl(text(input, 'QueueUrl'));
    requireAction(around.authorizer, call.identity.principal, action, queue.arn);
    if (use !== undefined) requireKey(around.authorizer, call.identity.principal, queue.settings, use);
    return queue;
  };
  const send = (queue: LocalQueue, input: JsonInput, call: JsonCall): object => {
    const message = readMessage(input, call.identity.principal.name, queue.settings.maximumMessageSize);
    return formatSent(message, queue.send(message).messageId);
  };
  const maybeThrottle = (): void => {
    const faults = around.faults();
    if (strikes(faults, faults.throttledSendProbability)) throw new AwsError('RequestThrottled', 'An injected fault');
  };
  const maybeCut = (): void => {
    const faults = around.faults();
    if (strikes(faults, faults.lostSendAnswerProbability)) throw new ConnectionCut();
  };
  return {
    SendMessage(input, call) {
      maybeThrottle();
      const answer = send(permitted(input, call, 'sqs:SendMessage', 'send'), input, call);
      maybeCut();
      return answer;
    },
    SendMessageBatch(input, call) {
      maybeThrottle();
      const queue = permitted(input, call, 'sqs:SendMessage', 'send');
      const entries = batchEntries(input);
      checkTotalSize(entries);
      const answer = inBatch(entries, around.faults(), (entry) => send(queue, entry, call));
      maybeCut();
      return answer;
    },
    async ReceiveMessage(input, call) {
      const queue = permitted(input, call, 'sqs:ReceiveMessage', 'receive');
      const maximum = wholeNumber(input, 'MaxNumberOfMessages', 1, 10) ?? 1;
      const visibilityTimeout = wholeNumber(input, 'VisibilityTimeout', 0, 43_200);
      const waitSeconds = wholeNumber(input, 'WaitTimeSeconds', 0, 20);
      const messages = await queue.receive({
        maximum,
        signal: call.signal,
        ...(visibilityTimeout === undefined ? {} : { visibilityTimeout }),
        ...(waitSeconds === undefined ? {} : { waitSeconds }),
      });
      return messages.length === 0 ? {} : { Messages: messages.map((message) => formatReceived(message, input)) };
    },
    DeleteMessage(input, call) {
      permitted(input, call, 'sqs:DeleteMessage').delete(text(input, 'ReceiptHandle'));
      return {};
    },
    DeleteMessageBatch(input, call) {
      const queue = permitted(input, call, 'sqs:DeleteMessage');
      return inBatch(batchEntries(input), around.faults(), (entry) => {
        queue.delete(text(entry, 'ReceiptHandle'));
        return {};
      });
    },
    ChangeMessageVisibility(input, call) {
      hide(permitted(input, call, 'sqs:ChangeMessageVisibility'), input);
      return {};
    },
    ChangeMessageVisibilityBatch(input, call) {
      const queue = permitted(input, call, 'sqs:ChangeMessageVisibility');
      return inBatch(batchEntries(input), around.faults(), (entry) => {
        hide(queue, entry);
        return {};
      });
    },
    PurgeQueue(input, call) {
      permitted(input, call, 'sqs:PurgeQueue').purge();
      return {};
    },
  };
}

function hide(queue: LocalQueue, input: JsonInput): void {
  const seconds = wholeNumber(input, 'VisibilityTimeout', 0, 43_200);
  if (seconds === undefined) {
    throw new AwsError(
      'MissingRequiredParameterException',
      'The request must contain the parameter VisibilityTimeout.',
    );
  }
  queue.changeVisibility(text(input, 'ReceiptHandle'), seconds);
}

function checkTotalSize(entries: readonly BatchEntry[]): void {
  const sizes = entries.map(({ MessageBody, MessageAttributes }) =>
    sizeOf(typeof MessageBody === 'string' ? MessageBody : '', parseMessageAttributes(MessageAttributes)),
  );
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= LARGEST_MESSAGE) return;
  const message = `Batch requests cannot be longer than ${LARGEST_MESSAGE} bytes. You have sent ${total} bytes.`;
  throw new AwsError('BatchRequestTooLong', message);
}

/** Carries out each entry on its own; what fails is listed and does not spoil the others. */
function inBatch(entries: readonly BatchEntry[], faults: Faults, act: (entry: BatchEntry) => object): object {
  const Successful: object[] = [];
  const Failed: object[] = [];
  for (const entry of entries) {
    const { Id } = entry;
    if (strikes(faults, faults.batchEntryFailureProbability)) {
      Failed.push({ Id, Code: 'InternalError', Message: 'An injected fault', SenderFault: false });
      continue;
    }
    try {
      Successful.push({ Id, ...act(entry) });
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      Failed.push({ Id, Code: error.code, Message: error.message, SenderFault: error.status < 500 });
    }
  }
  return { Successful, Failed };
}
