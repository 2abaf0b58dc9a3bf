import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens on loopback and gives the port; rejects when it is taken. Port 0 takes a free one. */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/**
 * The port of the last start if it is still free, else any: what was given out (presigned URLs, `.dbrag/local.json`) stays
 * good after a restart.
 */
export async function listenAgain<T>(start: (port: number) => Promise<T>, lastPort: number | undefined): Promise<T> {
  if (lastPort === undefined) return start(0);
  try {
    return await start(lastPort);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    return start(0);
  }
}

/** Takes no more requests, gives those in hand `graceMilliseconds`, then cuts the connections. */
export async function closeServer(server: Server, graceMilliseconds: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
  await closed;
  clearTimeout(timer);
}
