import { randomBytes } from 'node:crypto';
import { currentTrace, readTraceDaemon } from '../../../shared/core/config.ts';

/** Adds a part of the current invocation to its trace. @param began milliseconds since 1970 */
export type DrawSegment = (name: string, began: number, milliseconds: number, failed: boolean) => void;

interface Sender {
  send(message: string, port: number, host: string): void;
}

/**
 * Sends subsegments to X-Ray's daemon, which Lambda runs beside the function, in the daemon's protocol: each datagram is a header line and
 * a JSON document ("AWS X-Ray segment documents"). The tracer of Powertools would bring in the X-Ray SDK and wrap every client. A trace
 * that is not sampled costs nothing, and if the daemon does not listen only the segment is lost.
 */
export function createTraceSegments(open: () => Promise<Sender> = openSocket): DrawSegment {
  const daemon = readTraceDaemon();
  let sender: Promise<Sender> | undefined;
  return (name, began, milliseconds, failed) => {
    const trace = currentTrace();
    if (!daemon || !trace?.isSampled || trace.parentId === undefined) return;
    const document = {
      name,
      type: 'subsegment',
      id: randomBytes(8).toString('hex'),
      trace_id: trace.traceId,
      parent_id: trace.parentId,
      start_time: began / 1_000,
      end_time: (began + milliseconds) / 1_000,
      ...(failed ? { fault: true } : {}),
    };
    sender ??= open();
    sender
      .then((socket) =>
        socket.send(`{"format":"json","version":1}\n${JSON.stringify(document)}`, daemon.port, daemon.host),
      )
      .catch(() => {});
  };
}

/** Keeps no process alive. */
async function openSocket(): Promise<Sender> {
  const { createSocket } = await import('node:dgram');
  const socket = createSocket('udp4');
  socket.on('error', () => {});
  socket.unref();
  return socket;
}
