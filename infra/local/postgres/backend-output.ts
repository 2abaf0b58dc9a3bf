import { backendFrames, type TransactionStatus } from './protocol-messages.ts';

const COPY_IN_RESPONSE = 'G'.charCodeAt(0);
const NOTIFICATION = 'A'.charCodeAt(0);
const READY_FOR_QUERY = 'Z'.charCodeAt(0);

/** The backend's answer to a batch, taken apart. */
export interface BackendOutput {
  /** For the client: the same buffer when nothing had to be taken out. */
  readonly bytes: Buffer;
  /** Of the last ReadyForQuery; undefined when the batch ended before Sync. */
  readonly status: TransactionStatus | undefined;
  /** NotificationResponse messages: the backend listens for everybody, so these are not simply this client's. */
  readonly notifications: readonly Buffer[];
}

/** Takes out notifications, and the request for COPY rows that the client has already had. */
export function readOutput(output: Buffer, withoutCopyInResponse: boolean): BackendOutput {
  const kept: Buffer[] = [];
  const notifications: Buffer[] = [];
  let status: TransactionStatus | undefined;
  let from = 0;
  for (const { type, start, bodyStart, end } of backendFrames(output)) {
    if (type === READY_FOR_QUERY) status = String.fromCharCode(output[bodyStart] as number) as TransactionStatus;
    const isNotification = type === NOTIFICATION;
    if (!isNotification && !(withoutCopyInResponse && type === COPY_IN_RESPONSE)) continue;
    if (isNotification) notifications.push(output.subarray(start, end));
    kept.push(output.subarray(from, start));
    from = end;
  }
  const bytes = kept.length === 0 ? output : Buffer.concat([...kept, output.subarray(from)]);
  return { bytes, status, notifications };
}
