import type { Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const portPatienceMilliseconds = 1_000;
const portPollMilliseconds = 50;

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

/**
 * The same for a server in a process of its own, which is told its port: that of the last start, or 0. Waits a second for it, since the
 * process of a start that was killed may just be ending.
 */
export async function portAgain(lastPort: number | undefined): Promise<number> {
  if (lastPort === undefined) return 0;
  for (const began = Date.now(); Date.now() - began < portPatienceMilliseconds; await sleep(portPollMilliseconds)) {
    if (await isFree(lastPort)) return lastPort;
  }
  return 0;
}

function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
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
