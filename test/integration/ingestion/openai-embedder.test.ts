import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeEmbedding, OpenAiEmbedder } from '../../../shared/adapters/openai/openai-embedder.ts';
import type { FaultKind } from '../../support/fake-model-server/faults.ts';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';

let models: FakeModelServer;
beforeAll(async () => {
  models = await startFakeModelServer();
});
afterAll(() => models.close());
beforeEach(() => {
  models.ledger.reset();
  models.faults.clear();
});

/** A busy machine needs long for an answer; who is given none waits only as long as a test may. */
const patience = { usual: 10_000, hanging: 400 };
const create = (baseUrl = models.baseUrl, timeoutMilliseconds = patience.usual) =>
  new OpenAiEmbedder({
    apiKey: async () => 'sk-secret',
    baseUrl,
    model: 'text-embedding-3-small',
    dimensions: 1_536,
    timeoutMilliseconds,
  });
const embed = (texts: readonly string[] = ['one', 'two', 'three']) =>
  create().embed(texts, { deadline: Date.now() + 10_000 });

describe('OpenAiEmbedder', () => {
  it('gives the vectors of the texts, in their order, and the tokens that were counted', async () => {
    const { vectors, tokens } = await embed();
    expect(tokens).toBeGreaterThan(0);
    for (const [i, text] of ['one', 'two', 'three'].entries()) {
      const expected = models.vectors.vector(text, 1_536);
      expect(vectors[i]?.length).toBe(1_536);
      for (let k = 0; k < 1_536; k += 50) expect(vectors[i]?.[k]).toBeCloseTo(expected[k] as number, 6);
    }
  });

  it('asks for nothing when there is nothing to embed, or no time', async () => {
    expect(await embed([])).toEqual({ vectors: [], tokens: 0 });
    await expect(create().embed(['a'], { deadline: Date.now() - 1 })).rejects.toMatchObject({ kind: 'transient' });
    expect(models.ledger.snapshot().requests.embeddings).toBe(0);
  });

  const transient = { kind: 'transient', retryable: true };
  const rubbish = { ...transient, badResponse: true };
  it.each<[FaultKind, Record<string, string>, object]>([
    ['429', { 'retry-after': '20' }, { ...transient, status: 429, retryAfterSeconds: 20 }],
    ['429', { 'retry-after-ms': '1500' }, { ...transient, retryAfterSeconds: 1.5 }],
    ['429', { 'retry-after': 'none' }, { ...transient, retryAfterSeconds: undefined }],
    ['insufficient-quota', {}, { kind: 'provider', retryable: false, retryAfterSeconds: expect.any(Number) }],
    ['500', {}, { ...transient, status: 500 }],
    ['503', {}, { ...transient, status: 503 }],
    ['520', {}, { ...transient, status: 520 }],
    ['context-length', {}, { kind: 'input', status: 400 }],
    ['401', {}, { kind: 'provider', status: 401 }],
    ['403', {}, { kind: 'provider', status: 403 }],
    ['404-model', {}, { kind: 'provider', status: 404 }],
    ['hang', {}, transient],
    ['reset', {}, transient],
    ['reset-after-processing', {}, transient],
    ['hang-body', {}, transient],
    ['truncated-json', {}, transient],
    ['missing-one', {}, rubbish],
    ['extra-one', {}, rubbish],
    ['duplicate-index', {}, rubbish],
    ['wrong-dimension', {}, rubbish],
    ['nan', {}, rubbish],
    ['null-vector', {}, rubbish],
    ['zero-vector', {}, rubbish],
  ])('translates %s %o, once, within its time limit', async (fault, options, expected) => {
    models.faults.next(fault, options);
    const hangs = fault.startsWith('hang');
    const embedder = create(models.baseUrl, hangs ? patience.hanging : patience.usual);
    const started = performance.now();
    const error = await embedder.embed(['one', 'two', 'three'], { deadline: Date.now() + 10_000 }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ name: 'ModelError', ...expected });
    expect((error as Error).message).not.toMatch(/sk-secret|\bone\b|127\.0\.0\.1/);
    expect(performance.now() - started).toBeLessThan(hangs ? 2_000 : 10_000);
    expect(models.ledger.snapshot().requests.embeddings).toBe(1);
    expect((await embed()).vectors).toHaveLength(3);
  });

  it('reads a retry-after date', async () => {
    models.faults.next('429', { 'retry-after': 'date' });
    await expect(embed()).rejects.toMatchObject({ kind: 'transient', retryAfterSeconds: expect.any(Number) });
  });

  it.each<FaultKind>(['shuffled', 'usage-missing', 'base64'])('is not troubled by %s', async (fault) => {
    models.faults.next(fault);
    const { vectors } = await embed();
    expect(vectors[2]?.[7]).toBeCloseTo(models.vectors.vector('three', 1_536)[7] as number, 6);
  });

  it('knows a server that is not there', async () => {
    const nowhere = create('http://127.0.0.1:1/v1').embed(['a'], { deadline: Date.now() + 5_000 });
    await expect(nowhere).rejects.toMatchObject({ kind: 'transient' });
  });
});

describe('decodeEmbedding', () => {
  it('reads base64 of any alignment and lists of numbers', () => {
    const vector = Float32Array.of(1.5, -2, 0.25);
    expect(decodeEmbedding(Buffer.from(vector.buffer).toString('base64'))).toEqual(vector);
    expect(decodeEmbedding([1.5, -2, 0.25])).toEqual(vector);
  });

  it('makes no vector of anything else', () => {
    for (const value of [undefined, null, 5, 'AAA=', {}]) expect(decodeEmbedding(value)).toHaveLength(0);
  });
});
