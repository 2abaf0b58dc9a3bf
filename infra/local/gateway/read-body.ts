import type { IncomingMessage } from 'node:http';

/** API Gateway's limit for the body of a request. */
const maximumBodyBytes = 10 * 1024 * 1024;
/** A client that sends for longer than this finds the connection closed. */
const discardMilliseconds = 5_000;
const nothing = Buffer.alloc(0);

export type ReadBody = { readonly body: Buffer } | 'too_large' | 'aborted';

/** Reads the body of a request, up to 10 MB. */
export function readBody(message: IncomingMessage): Promise<ReadBody> | ReadBody {
  const length = message.headers['content-length'];
  if (length !== undefined && Number(length) > maximumBodyBytes) return 'too_large';
  if (length === undefined && message.headers['transfer-encoding'] === undefined) return { body: nothing };
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    message.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maximumBodyBytes) resolve('too_large');
      else chunks.push(chunk);
    });
    message.on('end', () => resolve({ body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) }));
    message.on('close', () => resolve('aborted'));
    message.on('error', () => resolve('aborted'));
  });
}

/**
 * Reads what is still coming and throws it away. A connection that is closed while its client still sends is reset, and the client
 * never sees the answer.
 */
export function discardBody(message: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, discardMilliseconds);
    message.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
    message.resume();
  });
}
