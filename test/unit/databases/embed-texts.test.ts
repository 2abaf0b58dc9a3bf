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
  const embedded = await embedTexts(embedder, texts, { deadline: 0 });
  expect(embedded.texts.map(({ text }) => text)).toEqual(['a', 'bb', 'dddd']);
  expect(embedded.vectors.map(([length]) => length)).toEqual([1, 2, 4]);
  expect(embedded.tokens).toBe(3);
  requests.length = 0;
  expect((await embedTexts(embedder, texts.slice(0, 2), { deadline: 0 })).tokens).toBe(2);
  expect(requests).toEqual([['a', 'bb']]);
});

it('throws every other failure', async () => {
  const embedder = embedderNoting([]);
  embedder.embed = async () => {
    throw new ModelError('outage', 'It is down.');
  };
  await expect(embedTexts(embedder, [{ text: 'a' }], { deadline: 0 })).rejects.toMatchObject({ kind: 'outage' });
});
