import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { describe, expect, test } from 'vitest';
import { parseEmbeddedMetrics } from '../../../infra/local/cloudwatch/embedded-metrics.ts';
import { createMetrics } from '../../../infra/local/cloudwatch/metrics.ts';

function line(
  fields: Record<string, unknown>,
  metrics: { Name: string; Unit?: string }[],
  dimensions: string[][] = [['service']],
): string {
  const directive = { Namespace: 'dbrag', Dimensions: dimensions, Metrics: metrics };
  return JSON.stringify({
    _aws: { Timestamp: 1_790_000_000_000, CloudWatchMetrics: [directive] },
    service: 'api',
    ...fields,
  });
}
function collect() {
  const logged: string[] = [];
  return { logged, metrics: createMetrics((message) => void logged.push(message)) };
}
const milliseconds = [{ Name: 'Duration', Unit: 'Milliseconds' }];
const counted = [{ Name: 'documentsReady', Unit: 'Count' }];

describe('the embedded metric format', () => {
  test('what Powertools publishes is read', () => {
    const { metrics } = collect();
    const powertools = new Metrics({ namespace: 'dbrag', serviceName: 'embed-chunks' });
    powertools.addMetric('chunksEmbedded', MetricUnit.Count, 7);
    powertools.addMetric('chunksEmbedded', MetricUnit.Count, 5);
    powertools.addDimension('priority', 'low');
    powertools.addMetadata('workspace_id', 'ws_1');
    // What `publishStoredMetrics` writes to stdout.
    expect(metrics.readLine(`${JSON.stringify(powertools.serializeMetrics())}\n`)).toBe(true);
    expect(metrics.query({ name: 'chunksEmbedded', dimensions: { priority: 'low' } })).toMatchObject([
      { namespace: 'dbrag', unit: 'Count', sum: 12, count: 2, minimum: 5, maximum: 7, recent: [7, 5] },
    ]);
    expect(metrics.query({ name: 'chunksEmbedded' })[0]?.dimensions).not.toHaveProperty('workspace_id');
  });
  test('each dimension set is a metric of its own, and sum adds only one of them', () => {
    const { metrics } = collect();
    const sets = [['service'], ['service', 'priority']];
    metrics.readLine(line({ documentsReady: 2, priority: 'low' }, counted, sets));
    metrics.readLine(line({ documentsReady: 3, priority: 'high' }, counted, sets));
    expect(metrics.query().map(({ dimensions, sum }) => [dimensions, sum])).toEqual([
      [{ service: 'api' }, 5],
      [{ service: 'api', priority: 'low' }, 2],
      [{ service: 'api', priority: 'high' }, 3],
    ]);
    expect(metrics.sum('documentsReady')).toBe(5);
    expect(metrics.sum('documentsReady', { priority: 'low' })).toBe(2);
    expect(metrics.sum('nothing')).toBe(0);
  });
  test('other lines are left alone', () => {
    const { metrics, logged } = collect();
    for (const text of ['', 'hello', '{"level":"INFO"}', 'he said {"_aws"', '{"message":"\\"_aws\\""}', '"_aws"']) {
      expect(metrics.readLine(text)).toBe(false);
    }
    expect(logged).toEqual([]);
    expect(parseEmbeddedMetrics('hello')).toBeUndefined();
  });
  test.each([
    ['no metric value', line({}, milliseconds)],
    ['a text as value', line({ Duration: 'long' }, milliseconds)],
    ['a dimension without value', line({ Duration: 1 }, milliseconds, [['stage']])],
    ['no directives', '{"_aws":{"Timestamp":1}}'],
    ['no timestamp', '{"_aws":{"CloudWatchMetrics":[]}}'],
  ])('%s is reported', (_name, text) => {
    const { metrics, logged } = collect();
    expect(metrics.readLine(text)).toBe(false);
    expect(logged).toEqual(['A line of embedded metrics is malformed']);
  });
});

test('the page for Prometheus', () => {
  const { metrics } = collect();
  metrics.readLine(line({ Duration: [3, 5, 5000, 1e9] }, milliseconds));
  metrics.readLine(line({ documentsReady: 2, service: 'a "b"\\\n' }, counted));
  metrics.readLine(line({ documentsReady: 1 }, counted));
  const page = metrics.render().split('\n');
  expect(page.slice(0, 6)).toEqual([
    '# TYPE dbrag_documents_ready_total counter',
    'dbrag_documents_ready_total{service="a \\"b\\"\\\\\\n"} 2',
    'dbrag_documents_ready_total{service="api"} 1',
    '# TYPE dbrag_duration_milliseconds histogram',
    'dbrag_duration_milliseconds_bucket{service="api",le="1"} 0',
    'dbrag_duration_milliseconds_bucket{service="api",le="2"} 0',
  ]);
  expect(page).toContain('dbrag_duration_milliseconds_bucket{service="api",le="5"} 2');
  expect(page).toContain('dbrag_duration_milliseconds_bucket{service="api",le="5000"} 3');
  expect(page.slice(-4)).toEqual([
    'dbrag_duration_milliseconds_bucket{service="api",le="+Inf"} 4',
    'dbrag_duration_milliseconds_sum{service="api"} 1000005008',
    'dbrag_duration_milliseconds_count{service="api"} 4',
    '',
  ]);
});
