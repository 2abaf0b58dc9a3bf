import { expect, it } from 'vitest';
import { embedTexts } from '../../../shared/databases/embed-texts.ts';
import { openaiEmbeddingLimits } from '../../../shared/models/embedder.ts';
import { ModelError } from '../../../shared/models/model-error.ts';

/** Vectors that hold the length of their text; refuses requests with a text that begins with a cross. */
function embedderNoting(requests: string[][]) {
  return {
    model: 'fake',
    dimensions: 1,
    limits: openaiEmbeddingLimits,
    async embed(texts: readonly string[]) {
      requests.push([...texts]);
      if (texts.some((text) => text.startsWith('†'))) throw new ModelError('input', 'The input was refused.');
      return { vectors: texts.map((text) => Float32Array.of(text.length)), tokens: texts.length };
    },
  };
}

it('leaves out the texts that the model refuses, and asks once where it refuses none', async () => {
  const requests: string[][] = [];
  const embedder = embedderNoting(requests);
  const texts = ['a', 'bb', '†', 'dddd', '†'].map((text) => ({ text }));
  const embedded = await embedTexts(embedder, texts, () => ({ deadline: 0 }));
  expect(embedded.texts.map(({ text }) => text)).toEqual(['a', 'bb', 'dddd']);
  expect(embedded.vectors.map(([length]) => length)).toEqual([1, 2, 4]);
  expect(embedded.tokens).toBe(3);
  requests.length = 0;
  expect((await embedTexts(embedder, texts.slice(0, 2), () => ({ deadline: 0 }))).tokens).toBe(2);
  expect(requests).toEqual([['a', 'bb']]);
});

it('keeps what was embedded before another failure, and says how many requests were answered', async () => {
  const requests: string[][] = [];
  const embedder = embedderNoting(requests);
  const { embed } = embedder;
  embedder.embed = async (texts) => {
    if (texts.includes('last')) throw new ModelError(texts.length > 2 ? 'input' : 'outage', 'It is down.');
    return embed(texts);
  };
  const texts = ['a', 'bb', 'ccc', 'last'].map((text) => ({ text }));
  const embedded = await embedTexts(embedder, texts, () => ({ deadline: 0 }));
  expect(embedded).toMatchObject({ texts: [{ text: 'a' }, { text: 'bb' }], tokens: 2, requests: 1 });
  expect(embedded.vectors).toHaveLength(2);
  expect(embedded.failure).toMatchObject({ kind: 'outage' });
});

it('gives each half a deadline of its own, and begins none when there is no time', async () => {
  const embedder = embedderNoting([]);
  const texts = ['a', 'bb', '†', 'dddd'].map((text) => ({ text }));
  const deadlines: number[] = [];
  let clock = 0;
  const optionsOfCall = () => (clock < 3 ? { deadline: ++clock } : null);
  const noting = {
    ...embedder,
    embed: (all: readonly string[], { deadline }: { deadline: number }) => {
      deadlines.push(deadline);
      return embedder.embed(all);
    },
  };
  const embedded = await embedTexts(noting, texts, optionsOfCall);
  expect(deadlines).toEqual([1, 2, 3]);
  expect(embedded).toMatchObject({ texts: [{ text: 'a' }, { text: 'bb' }], failure: null });
});

it('asks for the same texts again where the model was only left alone for what others had it fail at', async () => {
  const untried = [
    new ModelError('outage', 'It is left alone.', { isOurs: true, retryAfterSeconds: 0 }),
    new ModelError('outage', 'Too many requests.', { status: 429, retryAfterSeconds: 0 }),
  ];
  for (const error of untried) {
    const requests: string[][] = [];
    const embedder = embedderNoting(requests);
    const { embed } = embedder;
    embedder.embed = async (texts) => {
      const answer = await embed(texts);
      if (requests.length === 1) throw error;
      return answer;
    };
    const options = { deadline: Date.now() + 60_000 };
    const embedded = await embedTexts(embedder, [{ text: 'a' }], () => options);
    expect(requests).toEqual([['a'], ['water'], ['a']]);
    expect(embedded).toMatchObject({ texts: [{ text: 'a' }], refused: [], failure: null });
  }
});

it('throws what no model said', async () => {
  const embedder = embedderNoting([]);
  embedder.embed = async () => {
    throw new TypeError('A bug.');
  };
  await expect(embedTexts(embedder, [{ text: 'a' }], () => ({ deadline: 0 }))).rejects.toThrow(TypeError);
});
