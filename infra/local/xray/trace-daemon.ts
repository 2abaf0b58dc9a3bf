import { createSocket } from 'node:dgram';
import type { Log } from '../aws/json-protocol.ts';

/** A part of an invocation, as its function drew it. */
export interface TraceSegment {
  readonly name: string;
  readonly traceId: string;
  readonly parentId: string;
  /** Seconds since 1970, with fractions. */
  readonly startTime: number;
  readonly endTime: number;
  readonly fault: boolean;
}

export interface TraceDaemon {
  /** `host:port`, as in `AWS_XRAY_DAEMON_ADDRESS`. */
  readonly address: string;
  /** The newest segments, oldest first. */
  segments(): readonly TraceSegment[];
  close(): Promise<void>;
}

const mostSegments = 1_000;
const header = '{"format":"json","version":1}\n';

/** X-Ray's daemon: takes segments by UDP on loopback, refuses what X-Ray would drop, and keeps the newest. */
export async function startTraceDaemon(log: Log): Promise<TraceDaemon> {
  const kept: TraceSegment[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (datagram) => {
    try {
      kept.push(readSegment(datagram.toString('utf8')));
      if (kept.length > mostSegments) kept.shift();
    } catch (error) {
      log('A trace segment is malformed', { reason: error instanceof Error ? error.message : String(error) });
    }
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', resolve);
  });
  return {
    address: `127.0.0.1:${socket.address().port}`,
    segments: () => kept,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

/** Of "AWS X-Ray segment documents": what a subsegment that is sent by itself must have, and in which form. */
export function readSegment(text: string): TraceSegment {
  if (!text.startsWith(header)) throw new Error('the header is missing');
  const document = JSON.parse(text.slice(header.length)) as Record<string, unknown>;
  const { name, id, trace_id, parent_id, start_time, end_time, type } = document;
  const wanted: readonly [string, unknown, RegExp][] = [
    ['name', name, /^[\p{L}\p{N}\p{Z}_.:/%&#=+\-@]{1,200}$/u],
    ['id', id, /^[0-9a-f]{16}$/],
    ['trace_id', trace_id, /^1-[0-9a-f]{8}-[0-9a-f]{24}$/],
    ['parent_id', parent_id, /^[0-9a-f]{16}$/],
    ['type', type, /^subsegment$/],
  ];
  for (const [member, value, form] of wanted)
    if (typeof value !== 'string' || !form.test(value)) throw new Error(`${member} is ${JSON.stringify(value)}`);
  if (typeof start_time !== 'number' || typeof end_time !== 'number' || end_time < start_time)
    throw new Error(`it lasts from ${String(start_time)} to ${String(end_time)}`);
  return {
    name: String(name),
    traceId: String(trace_id),
    parentId: String(parent_id),
    startTime: start_time,
    endTime: end_time,
    fault: document.fault === true,
  };
}
