import type { Socket } from 'node:net';
import pg, { type Client } from 'pg';

/** Per request: far more than our answers contain, far less than the function's memory. */
const mostBytes = 128 * 1024 * 1024;
const measureMilliseconds = 20;

/** Where `pg` keeps what it has no method for. */
interface Connection {
  readonly stream: Socket;
  attachListeners(stream: Socket): void;
}
const connectionOf = (client: Client): Connection => (client as unknown as { connection: Connection }).connection;
const streamOf = (client: Client): Socket => connectionOf(client).stream;

/**
 * `pg` throws what it cannot read into the event of the socket, where it would end the process: of a message that is shorter than it
 * says, say. Here it ends the connection.
 */
function outliveUnreadable(client: Client): void {
  const connection = connectionOf(client);
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = (stream) => {
    attach(stream);
    for (const read of stream.listeners('data') as ((chunk: Buffer) => void)[]) {
      stream.off('data', read);
      stream.on('data', (chunk: Buffer) => {
        try {
          read(chunk);
        } catch (error) {
          stream.destroy(error as Error);
        }
      });
    }
  };
}

export async function openClient(config: pg.ClientConfig): Promise<Client> {
  const client = new pg.Client(config);
  // Without a listener a broken connection ends the process.
  client.on('error', () => {});
  outliveUnreadable(client);
  try {
    await client.connect();
    return client;
  } catch (error) {
    closeClient(client);
    throw error;
  }
}

export function isAlive(client: Client): boolean {
  const stream = streamOf(client);
  return !stream.destroyed && stream.readable;
}

/** Closes at once: whatever is running on it no longer matters, and a frozen server would not answer a Terminate message. */
export function closeClient(client: Client): void {
  client.end().catch(() => {});
  streamOf(client).destroy();
}

/** A server may answer with more than this function has memory for: `pg` holds a whole row, whatever its size. */
export function measureBytes(client: Client): { isExceeded(): boolean; stop(): void } {
  const stream = streamOf(client);
  const before = stream.bytesRead;
  const isExceeded = () => stream.bytesRead - before > mostBytes;
  const timer = setInterval(() => {
    if (isExceeded()) stream.destroy();
  }, measureMilliseconds);
  return { isExceeded, stop: () => clearInterval(timer) };
}
