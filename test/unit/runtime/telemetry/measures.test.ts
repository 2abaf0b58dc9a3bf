import { describe, expect, it } from 'vitest';
import {
  ObservedChatModel,
  ObservedChunkCache,
  ObservedEmbedder,
  ObservedQuestionEmbedder,
} from '../../../../functions/runtime/observed-models.ts';
import { DimensionedMetrics } from '../../../../functions/runtime/telemetry/dimensioned-metrics.ts';
import { EmbeddedMetrics } from '../../../../functions/runtime/telemetry/embedded-metrics.ts';
import { createMeasures } from '../../../../functions/runtime/telemetry/measures.ts';
import { type MetricValue, parseEmbeddedMetrics } from '../../../../infra/local/cloudwatch/embedded-metrics.ts';
import { noCache } from '../../../../shared/core/cache.ts';
import type { ChatEvent, ChatModel } from '../../../../shared/models/chat-model.ts';
import { EmbeddingCache } from '../../../../shared/models/embedding-cache.ts';
import { ModelError } from '../../../../shared/models/model-error.ts';
import { FakeEmbedder } from '../../models/fake-embedder.ts';
import { MemoryCache } from '../../models/memory-cache.ts';

function watched() {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  const metrics = new EmbeddedMetrics('dbrag', { name: 'service', value: 'x' }, write);
  const dimensioned = new DimensionedMetrics('dbrag', write);
  const drawn: string[] = [];
  const measures = createMeasures({
    metrics,
    dimensioned,
    trace: (name, _began, _milliseconds, failed) => void drawn.push(failed ? `${name} failed` : name),
  });
  const values = (): MetricValue[] => {
    metrics.publish();
    dimensioned.publish();
    return lines.splice(0).flatMap((line) => parseEmbeddedMetrics(line) ?? []);
  };
  const of = (all: readonly MetricValue[], name: string) =>
    all.filter((value) => value.name === name).map(({ dimensions, value }) => ({ ...dimensions, value }));
  return { measures, drawn, values, of };
}

const options = { deadline: Date.now() + 60_000 };

describe('what is measured', () => {
  it('carries its dimension and nothing else, one line a value of it', () => {
    const { measures, values, of } = watched();
    measures.cacheAsked('question', { hits: 1, misses: 0 });
    measures.cacheAsked('chunk', { hits: 2, misses: 3 });
    measures.cacheAsked('question', { hits: 0, misses: 1 });
    const all = values();
    expect(of(all, 'CacheHit')).toEqual([
      { cache: 'question', value: 1 },
      { cache: 'question', value: 0 },
      { cache: 'chunk', value: 2 },
    ]);
    expect(values()).toEqual([]);
  });

  it('is written before CloudWatch would pass over the line: 100 values of a metric', () => {
    const { measures, values, of } = watched();
    for (let i = 0; i < 250; i += 1) measures.queryRated(5);
    expect(of(values(), 'QueryRating')).toHaveLength(250);
    const lines: string[] = [];
    const metrics = new EmbeddedMetrics('dbrag', { name: 'service', value: 'x' }, (line) => void lines.push(line));
    for (let i = 0; i < 250; i += 1) metrics.add('Many', 'Count', i);
    metrics.publish();
    expect(lines.map((line) => JSON.parse(line).Many.length)).toEqual([100, 100, 50]);
  });

  it('says of an index whether it keeps its promise', () => {
    const { measures, values, of } = watched();
    measures.recallMeasured(0.97, 0.98);
    measures.recallMeasured(0.99, 0.98);
    expect(of(values(), 'RecallBroken').map(({ value }) => value)).toEqual([1, 0]);
  });
});

describe('an observed embedder', () => {
  it('counts a batch by what it fills more of, and a question by no batch', async () => {
    const { measures, values, of } = watched();
    const embedder = new ObservedEmbedder(new FakeEmbedder(), measures);
    await embedder.embed(['a question'], options);
    await embedder.embed(Array(512).fill('a chunk'), { ...options, priority: 'low' });
    const all = values();
    expect(of(all, 'BatchFill').map(({ value }) => value)).toEqual([25]);
    expect(of(all, 'EmbeddingRequestDuration')).toHaveLength(2);
    expect(of(all, 'ModelTokens').every(({ value }) => value > 0)).toBe(true);
  });

  it('counts a failure, which buys nothing', async () => {
    const { measures, values, of } = watched();
    const inner = new FakeEmbedder();
    inner.embed = () => Promise.reject(new ModelError('outage', 'away'));
    await expect(new ObservedEmbedder(inner, measures).embed(['x'], options)).rejects.toThrow('away');
    const all = values();
    expect(of(all, 'EmbeddingRequestFailed')).toHaveLength(1);
    expect(of(all, 'ModelTokens')).toEqual([]);
  });
});

describe('an observed chat model', () => {
  const chat = (events: (ChatEvent | Error)[]): ChatModel => ({
    model: 'gpt-5.4-mini',
    provider: 'test',
    limits: { contextTokens: 1, maximumOutputTokens: 1 },
    async *stream() {
      for (const event of events) {
        if (event instanceof Error) throw event;
        yield event;
      }
    },
  });
  const usage = { promptTokens: 1_000_000, completionTokens: 1_000_000 };
  const end: ChatEvent = { type: 'end', finish: 'stop', model: 'other', usage };
  const request = { messages: [], maximumOutputTokens: 1, purpose: 'answer' } as const;
  const read = async (model: ChatModel, asked: Parameters<ChatModel['stream']>[0] = request) => {
    for await (const _ of model.stream(asked, options));
  };

  it('counts tokens and dollars by the model that was asked for, and draws the stage that it is', async () => {
    const { measures, drawn, values, of } = watched();
    const model = new ObservedChatModel(chat([{ type: 'delta', text: 'x' }, end]), measures);
    await read(model);
    await read(model, { ...request, purpose: 'sql' });
    await read(model, { messages: [], maximumOutputTokens: 1 });
    expect(drawn).toEqual(['response_generation', 'sql_generate']);
    const all = values();
    expect(of(all, 'ModelTokens')[0]).toEqual({ model: 'gpt-5.4-mini', value: 2_000_000 });
    expect(of(all, 'ModelCost')[0]).toEqual({ model: 'gpt-5.4-mini', value: 5.25 });
    expect(of(all, 'ChatRequestDuration')).toHaveLength(3);
  });

  it('tells a failure from a reader who left', async () => {
    const { measures, drawn, values, of } = watched();
    const failing = new ObservedChatModel(chat([new ModelError('outage', 'away')]), measures);
    await expect(read(failing)).rejects.toThrow('away');
    for await (const _ of new ObservedChatModel(chat([{ type: 'delta', text: 'x' }, end]), measures).stream(
      request,
      options,
    ))
      break;
    expect(drawn).toEqual(['response_generation failed', 'response_generation']);
    expect(of(values(), 'ChatRequestFailed')).toHaveLength(1);
  });
});

describe('an observed cache', () => {
  const space = { workspaceId: 'w', model: 'm', dimensions: 4 };
  const hashes = [new Uint8Array(32), new Uint8Array(32)];

  it('counts what it holds and what it does not', async () => {
    const { measures, values, of } = watched();
    await new ObservedChunkCache(measures, new MemoryCache(), 60).get(space, hashes);
    const embedder = new FakeEmbedder();
    const cache = new EmbeddingCache(new MemoryCache(), 60);
    await new ObservedQuestionEmbedder(embedder, cache, measures).embed('w', 'question', options);
    expect(of(values(), 'CacheMiss')).toEqual([
      { cache: 'chunk', value: 2 },
      { cache: 'question', value: 1 },
    ]);
  });

  it('counts no misses where a stage has none', async () => {
    const { measures, values, of } = watched();
    await new ObservedChunkCache(measures, noCache, 60).get(space, hashes);
    const questions = new ObservedQuestionEmbedder(new FakeEmbedder(), new EmbeddingCache(noCache, 60), measures);
    await questions.embed('w', 'question', options);
    expect(of(values(), 'CacheMiss')).toEqual([]);
  });
});
