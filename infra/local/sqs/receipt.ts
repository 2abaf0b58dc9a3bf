import { AwsError } from '../aws/aws-error.ts';

/** A receipt handle: opaque to the receiver, it names the queue, the message and which receive it was. */
export function formatReceipt(queueName: string, sequence: number, receiveCount: number): string {
  return Buffer.from(`${queueName}:${sequence}:${receiveCount}`).toString('base64');
}

/** Throws `ReceiptHandleIsInvalid` for anything that this queue did not give out. */
export function parseReceipt(receiptHandle: string, queueName: string): { sequence: number; receiveCount: number } {
  const text = Buffer.from(receiptHandle, 'base64').toString();
  const match = /^([^:]+):(\d+):(\d+)$/.exec(text);
  if (match === null || match[1] !== queueName) {
    throw new AwsError(
      'ReceiptHandleIsInvalid',
      `The input receipt handle "${receiptHandle}" is not a valid receipt handle.`,
      404,
    );
  }
  return { sequence: Number(match[2]), receiveCount: Number(match[3]) };
}
