import { describe, expect, it } from 'vitest';
import { DimensionedMetrics } from '../../../functions/runtime/telemetry/dimensioned-metrics.ts';
import { EmbeddedMetrics } from '../../../functions/runtime/telemetry/embedded-metrics.ts';
import { createMeasures } from '../../../functions/runtime/telemetry/measures.ts';
import { renderFieldMetrics } from '../../../infra/local/cloudwatch/field-metrics.ts';
import { createMetrics } from '../../../infra/local/cloudwatch/metrics.ts';

/** The names that dashboards of the field look for, with their labels: leaving one out, or renaming it, breaks somebody's. */
const wanted = {
  embedding_requests_total: ['counter', ['cache_hit']],
  embedding_generation_seconds: ['histogram', ['service']],
  rag_search_latency_seconds: ['histogram', ['stage']],
  vector_search_seconds: ['histogram', []],
  cache_hit_rate: ['gauge', ['cache_type']],
  llm_tokens_used_total: ['counter', ['model']],
  file_processing_queue_size: ['gauge', ['queue']],
  cost_per_query: ['gauge', []],
  user_satisfaction_score: ['gauge', []],
} as const;

function filled() {
  const metrics = createMetrics(() => {});
  const write = (line: string) => void metrics.readLine(line);
  const own = new EmbeddedMetrics('dbrag', { name: 'service', value: 'http-stream' }, write);
  const dimensioned = new DimensionedMetrics('dbrag', write);
  const measures = createMeasures({ metrics: own, dimensioned, trace: () => {} });
  const bought = { model: 'm', milliseconds: 250, costUsd: 0.01, failed: false };
  measures.cacheAsked('question', { hits: 1, misses: 2 });
  measures.cacheAsked('chunk', { hits: 5, misses: 0 });
  measures.cacheAsked('search', { hits: 1, misses: 3 });
  measures.embeddingRequested({ ...bought, tokens: 10, fill: null });
  measures.chatRequested({ ...bought, tokens: 30 });
  measures.stageEnded('vector_search', 0, 3, false);
  measures.stageEnded('sql_generate', 0, 900, false);
  measures.questionAnswered('documents', 0.002);
  measures.questionAnswered('both', 0.004);
  measures.queryRated(5);
  measures.queryRated(2);
  own.publish();
  dimensioned.publish();
  return metrics;
}

const queues = [
  { name: 'ingest-default', messages: 7 },
  { name: 'maintenance', messages: 1 },
];

describe('metrics under the names of the field', () => {
  const page = renderFieldMetrics(filled(), queues);

  it('are all there, with type and labels, also before anything was published', () => {
    const types = (text: string) =>
      Object.fromEntries([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]));
    const expected = Object.fromEntries(Object.entries(wanted).map(([name, [type]]) => [name, type]));
    expect(types(page)).toEqual(expected);
    expect(
      types(
        renderFieldMetrics(
          createMetrics(() => {}),
          [],
        ),
      ),
    ).toEqual(expected);
    for (const [name, [, labels]] of Object.entries(wanted)) {
      const [, found = ''] = new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? [\\d.e-]+$`, 'm').exec(page) ?? [];
      expect(
        [...found.matchAll(/(\w+)="/g)].map(([, label]) => label),
        name,
      ).toEqual(labels);
    }
  });

  it.each([
    'embedding_requests_total{cache_hit="true"} 6',
    'embedding_requests_total{cache_hit="false"} 2',
    'embedding_generation_seconds_sum{service="http-stream"} 0.25',
    'embedding_generation_seconds_bucket{service="http-stream",le="0.2"} 0',
    'embedding_generation_seconds_bucket{service="http-stream",le="0.5"} 1',
    'rag_search_latency_seconds_sum{stage="sql_generate"} 0.9',
    'vector_search_seconds_sum 0.003',
    'vector_search_seconds_bucket{le="+Inf"} 1',
    'cache_hit_rate{cache_type="search"} 0.25',
    'llm_tokens_used_total{model="m"} 40',
    'file_processing_queue_size{queue="ingest-default"} 7',
    'cost_per_query 0.003',
    'user_satisfaction_score 3.5',
  ])('hold %s', (line) => {
    expect(page.split('\n')).toContain(line);
  });

  it('say nothing of what nobody asked, and count no queue that works on no file', () => {
    expect(page).not.toContain('cache_type="answer"');
    expect(page).not.toContain('maintenance');
  });
});
