import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EmbeddedMetrics } from '../../../../functions/runtime/telemetry/embedded-metrics.ts';
import type { Metrics, MetricUnit } from '../../../../functions/runtime/telemetry/metrics.ts';
import { PowertoolsMetrics } from '../../../../functions/runtime/telemetry/powertools-metrics.ts';

interface Added {
  readonly name: string;
  readonly unit: MetricUnit;
  readonly value: number;
}

/** A metric has one unit. */
const added = fc.constantFrom<[string, MetricUnit]>(
  ['RequestCount', 'Count'],
  ['DocumentReady', 'Count'],
  ['EmbedDuration', 'Milliseconds'],
  ['IngestDuration', 'Milliseconds'],
);
const value = fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e6, noNaN: true }));
const invocations = fc.array(
  fc.array(
    fc.record({ metric: added, value }).map(({ metric: [name, unit], value }): Added => ({ name, unit, value })),
    { maxLength: 30 },
  ),
  { maxLength: 4 },
);

/** The lines of invocations one after the other, but for when they were written. */
function linesOf(create: (write: (line: string) => void) => Metrics, all: readonly (readonly Added[])[]): unknown[] {
  const written: string[] = [];
  const metrics = create((line) => written.push(line));
  // Under `POWERTOOLS_DEV` the library writes to this console and to none of its own.
  vi.spyOn(console, 'log').mockImplementation((line: unknown) => void written.push(String(line)));
  for (const invocation of all) {
    for (const { name, unit, value } of invocation) metrics.add(name, unit, value);
    metrics.publish();
  }
  vi.restoreAllMocks();
  return written.map((line) => {
    const { _aws, ...fields } = JSON.parse(line) as { _aws: { Timestamp: number } };
    expect(Math.abs(_aws.Timestamp - Date.now())).toBeLessThan(3_600_000);
    return { ...fields, _aws: { ..._aws, Timestamp: 0 } };
  });
}

describe('metrics', () => {
  afterEach(() => vi.unstubAllEnvs());

  it('that a request writes by hand are the lines that Powertools writes', () => {
    vi.stubEnv('POWERTOOLS_DEV', 'true');
    // Which it would otherwise take for a reason to write nothing.
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
    fc.assert(
      fc.property(invocations, (all) => {
        const byHand = linesOf(
          (write) => new EmbeddedMetrics('dbrag', { name: 'service', value: 'http-api' }, write),
          all,
        );
        expect(byHand).toEqual(linesOf(() => new PowertoolsMetrics('dbrag', 'http-api'), all));
        expect(byHand).toHaveLength(all.filter((invocation) => invocation.length > 0).length);
      }),
    );
  });
});
