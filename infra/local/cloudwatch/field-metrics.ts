import type { MetricSeries } from './metric-series.ts';
import type { LocalMetrics } from './metrics.ts';

/** What waits in a queue; `name` without the stage. */
export interface QueueSize {
  readonly name: string;
  readonly messages: number;
}

interface Sample {
  readonly suffix?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

interface FieldMetric {
  /** As dashboards of retrieval systems name it. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly samples: (metrics: LocalMetrics, queues: readonly QueueSize[]) => Sample[];
}

/** Caches that keep vectors: what they hold needs no request to the model. */
const vectorCaches = ['question', 'chunk'];
const caches = ['question', 'chunk', 'search', 'answer'];

/**
 * The names that the field uses, in terms of what the functions publish: a dashboard or an alert that somebody brings along finds its
 * metrics. A metric is there from the first scrape on, if only with its type.
 */
const fieldMetrics: readonly FieldMetric[] = [
  {
    name: 'embedding_requests_total',
    type: 'counter',
    help: 'Texts that a vector was wanted for, by whether a cache held it.',
    samples: (metrics) =>
      (['CacheHit', 'CacheMiss'] as const).map((name) => ({
        labels: { cache_hit: String(name === 'CacheHit') },
        value: vectorCaches.reduce((sum, cache) => sum + metrics.sum(name, { cache }), 0),
      })),
  },
  {
    name: 'embedding_generation_seconds',
    type: 'histogram',
    help: 'Requests to the embedding model.',
    samples: (metrics) =>
      metrics
        .query({ name: 'EmbeddingRequestDuration' })
        .flatMap((series) => histogram(series, { service: series.dimensions.service ?? '' })),
  },
  {
    name: 'rag_search_latency_seconds',
    type: 'histogram',
    help: 'Stages of an answer: embed_question, vector_search, sql_generate, response_generation.',
    samples: (metrics) =>
      metrics
        .query({ name: 'StageDuration' })
        .flatMap((series) => histogram(series, { stage: series.dimensions.stage ?? '' })),
  },
  {
    name: 'vector_search_seconds',
    type: 'histogram',
    help: 'The search statement.',
    samples: (metrics) =>
      metrics
        .query({ name: 'StageDuration', dimensions: { stage: 'vector_search' } })
        .flatMap((series) => histogram(series, {})),
  },
  {
    name: 'cache_hit_rate',
    type: 'gauge',
    help: 'Share of lookups that were answered, 0 to 1, since the start.',
    samples: (metrics) =>
      caches.flatMap((cache) => {
        const hits = metrics.sum('CacheHit', { cache });
        const asked = hits + metrics.sum('CacheMiss', { cache });
        return asked === 0 ? [] : [{ labels: { cache_type: cache }, value: hits / asked }];
      }),
  },
  {
    name: 'llm_tokens_used_total',
    type: 'counter',
    help: 'Tokens that the provider counted, of prompts, answers and embeddings.',
    samples: (metrics) =>
      metrics.query({ name: 'ModelTokens' }).map(({ dimensions, sum }) => ({
        labels: { model: dimensions.model ?? '' },
        value: sum,
      })),
  },
  {
    name: 'file_processing_queue_size',
    type: 'gauge',
    help: 'Messages of uploads, ingestion and embedding that wait or are worked on.',
    samples: (_metrics, queues) =>
      queues
        .filter(({ name }) => /^(uploads|ingest|embed)/.test(name))
        .map(({ name, messages }) => ({ labels: { queue: name }, value: messages })),
  },
  {
    name: 'cost_per_query',
    type: 'gauge',
    help: 'US dollars for the models of one question, in the mean since the start.',
    samples: (metrics) => mean(metrics, 'QueryCost'),
  },
  {
    name: 'user_satisfaction_score',
    type: 'gauge',
    help: 'What readers thought of answers, 1 to 5, in the mean since the start.',
    samples: (metrics) => mean(metrics, 'QueryRating'),
  },
];

/** The page for Prometheus (text format 0.0.4) under the names above. */
export function renderFieldMetrics(metrics: LocalMetrics, queues: readonly QueueSize[]): string {
  return fieldMetrics
    .map(({ name, type, help, samples }) => {
      const lines = samples(metrics, queues).map(
        ({ suffix = '', labels, value }) => `${name}${suffix}${labelsOf(labels)} ${value}\n`,
      );
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
    })
    .join('');
}

function mean(metrics: LocalMetrics, name: string): Sample[] {
  const series = metrics.query({ name });
  const count = series.reduce((sum, each) => sum + each.count, 0);
  const sum = series.reduce((total, each) => total + each.sum, 0);
  return count === 0 ? [] : [{ labels: {}, value: sum / count }];
}

const millisecondsPerSecond = 1_000;

/** A distribution of milliseconds, in seconds. */
function histogram({ bounds, buckets, sum, count }: MetricSeries, labels: Sample['labels']): Sample[] {
  let below = 0;
  const upTo = bounds.map((bound, at) => {
    below += buckets[at] ?? 0;
    return { suffix: '_bucket', labels: { ...labels, le: String(bound / millisecondsPerSecond) }, value: below };
  });
  return [
    ...upTo,
    { suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count },
    { suffix: '_sum', labels, value: sum / millisecondsPerSecond },
    { suffix: '_count', labels, value: count },
  ];
}

function labelsOf(labels: Sample['labels']): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, '\\$&')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}
