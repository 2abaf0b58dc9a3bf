import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderVectors } from '../../../shared/models/check-response.ts';
import { embedIsolatingPoison } from '../../../shared/models/isolate-poison.ts';
import { ModelError } from '../../../shared/models/model-error.ts';
import { FakeEmbedder, vectorOf } from './fake-embedder.ts';

const options = { deadline: Number.POSITIVE_INFINITY };

describe('embedIsolatingPoison', () => {
  const refusing = (isPoison: (text: string) => boolean) => {
    const embedder = new FakeEmbedder();
    embedder.fault = (texts) => {
      if (texts.some(isPoison)) throw new ModelError('input', 'refused');
    };
    return embedder;
  };

  it('finds exactly the poison, whichever it is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 299 }), async (size, position) => {
        const texts = Array.from({ length: size }, (_, i) => `text ${i}`);
        const embedder = refusing((text) => text === `text ${position}`);
        const outcomes = await embedIsolatingPoison(embedder, texts, options);
        for (const [i, outcome] of outcomes.entries()) {
          if (i === position) expect(outcome).toBeInstanceOf(ModelError);
          else expect(outcome).toEqual(vectorOf(texts[i] as string));
        }
        expect(embedder.requests.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(size)));
      }),
    );
  });

  it('gives up, to be tried later, when too much is refused', async () => {
    const embedder = refusing(() => true);
    const texts = Array.from({ length: 2_048 }, (_, i) => `${i}`);
    await expect(embedIsolatingPoison(embedder, texts, options)).rejects.toMatchObject({ kind: 'transient' });
    expect(embedder.requests.length).toBeLessThanOrEqual(64);
  });

  it('blames the provider when every text is answered with rubbish, and a text that is the only one', async () => {
    const embedder = new FakeEmbedder();
    const answerRubbishTo = (isPoison: (text: string) => boolean) => {
      embedder.fault = (texts) => {
        if (texts.some(isPoison)) throw new ModelError('input', 'no vector', { badResponse: true });
      };
    };
    answerRubbishTo(() => true);
    await expect(embedIsolatingPoison(embedder, ['a', 'b', 'c'], options)).rejects.toMatchObject({ kind: 'provider' });
    answerRubbishTo((text) => text === 'b');
    const outcomes = await embedIsolatingPoison(embedder, ['a', 'b', 'c'], options);
    expect(outcomes.map((outcome) => outcome instanceof ModelError)).toEqual([false, true, false]);
  });

  it('passes other errors on', async () => {
    const embedder = new FakeEmbedder();
    embedder.fault = () => {
      throw new ModelError('provider', 'no quota');
    };
    await expect(embedIsolatingPoison(embedder, ['a', 'b'], options)).rejects.toMatchObject({ kind: 'provider' });
  });
});

describe('orderVectors', () => {
  const at = (index: number, ...numbers: number[]) => ({ index, vector: Float32Array.from(numbers) });

  it('orders by index', () => {
    expect(orderVectors([at(1, 2, 2), at(0, 1, 1)], 2, 2)).toEqual([Float32Array.of(1, 1), Float32Array.of(2, 2)]);
  });

  it.each([
    ['one too few', [at(0, 1, 1)], 2],
    ['one too many', [at(0, 1, 1), at(1, 1, 1), at(2, 1, 1)], 2],
    ['an index twice', [at(0, 1, 1), at(0, 1, 1)], 2],
    ['an index out of range', [at(0, 1, 1), at(2, 1, 1)], 2],
    ['no index', [at(Number.NaN, 1, 1)], 1],
    ['another dimension', [at(0, 1, 1, 1)], 1],
    ['NaN', [at(0, 1, Number.NaN)], 1],
    ['infinity', [at(0, 1, Number.POSITIVE_INFINITY)], 1],
    ['a zero vector', [at(0, 0, 0)], 1],
  ])('refuses %s', (_, found, count) => {
    expect(() => orderVectors(found, count, 2)).toThrow(
      expect.objectContaining({ kind: 'transient', badResponse: true }),
    );
  });
});
