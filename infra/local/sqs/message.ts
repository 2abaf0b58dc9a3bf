import type { MessageAttributes, StoredMessage } from './message-store.ts';

/** A message to be sent; its size and characters are checked already. */
export interface OutgoingMessage {
  readonly body: string;
  readonly attributes?: MessageAttributes;
  readonly groupId?: string;
  readonly traceHeader?: string;
  /** Instead of the queue's own delay. */
  readonly delaySeconds?: number;
  readonly sender: string;
}

/** A message as a receiver gets it. */
export interface ReceivedMessage extends StoredMessage {
  /** Good until the message is received again. */
  readonly receiptHandle: string;
}

export interface ReceiveOptions {
  /** 1 to 10. */
  readonly maximum?: number;
  /** Instead of the queue's own. */
  readonly visibilityTimeout?: number;
  /** Instead of the queue's own; may be `Infinity` together with a signal. */
  readonly waitSeconds?: number;
  /** Ends the wait; the receive then gives what it has: nothing. */
  readonly signal?: AbortSignal;
}
