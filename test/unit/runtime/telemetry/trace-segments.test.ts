import { afterEach, describe, expect, it, vi } from 'vitest';
import { createTraceSegments } from '../../../../functions/runtime/telemetry/trace-segments.ts';
import { readSegment } from '../../../../infra/local/xray/trace-daemon.ts';
import { readTraceDaemon } from '../../../../shared/core/config.ts';
import { parseTrace } from '../../../../shared/core/trace-context.ts';

const header = 'Root=1-5f84c7a1-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1';

async function drawn(
  trace: string | undefined,
  daemon: string | undefined,
): Promise<{ sent: unknown[][]; opened: number }> {
  vi.stubEnv('_X_AMZN_TRACE_ID', trace);
  vi.stubEnv('AWS_XRAY_DAEMON_ADDRESS', daemon);
  const sent: unknown[][] = [];
  let opened = 0;
  const draw = createTraceSegments(async () => {
    opened += 1;
    return { send: (...given) => void sent.push(given) };
  });
  draw('vector_search', 1_790_000_000_000, 12.5, false);
  draw('embed_question', 1_790_000_000_000, 1, true);
  await Promise.resolve();
  return { sent, opened };
}

describe('segments of a trace', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('are sent to the daemon as X-Ray takes them, over one socket', async () => {
    const { sent, opened } = await drawn(header, '169.254.100.1:2000');
    expect(opened).toBe(1);
    expect(sent.map(([, ...to]) => to)).toEqual([
      [2000, '169.254.100.1'],
      [2000, '169.254.100.1'],
    ]);
    expect(sent.map(([message]) => readSegment(String(message)))).toEqual([
      {
        name: 'vector_search',
        traceId: '1-5f84c7a1-0123456789abcdef01234567',
        parentId: '0123456789abcdef',
        startTime: 1_790_000_000,
        endTime: 1_790_000_000.0125,
        fault: false,
      },
      expect.objectContaining({ name: 'embed_question', fault: true }),
    ]);
  });

  it.each([
    ['a trace that is not sampled', header.replace('Sampled=1', 'Sampled=0'), '169.254.100.1:2000'],
    ['no trace', undefined, '169.254.100.1:2000'],
    ['a trace without a segment', 'Root=1-5f84c7a1-0123456789abcdef01234567;Sampled=1', '169.254.100.1:2000'],
    ['no daemon', header, undefined],
  ])('are not drawn for %s, and no socket is opened', async (_name, trace, daemon) => {
    expect(await drawn(trace, daemon)).toEqual({ sent: [], opened: 0 });
  });

  it('find their daemon in either form of its address', () => {
    const of = (text: string) => readTraceDaemon({ AWS_XRAY_DAEMON_ADDRESS: text });
    expect(of('127.0.0.1:2000')).toEqual({ host: '127.0.0.1', port: 2000 });
    expect(of('tcp:127.0.0.1:2000 udp:127.0.0.2:2001')).toEqual({ host: '127.0.0.2', port: 2001 });
    expect(of('')).toBeNull();
    expect(parseTrace('Self=1-x;Parent=0123456789abcdef')).toBeUndefined();
  });
});
