import { describe, expect, it } from 'vitest';
import { AnswerCache, type AnswerIdentity, answerKey } from '../../../shared/answering/answer-cache.ts';
import type { AnsweredQuery } from '../../../shared/answering/answered-query.ts';
import { largestKnownAnswer, packAnswer, unpackAnswer } from '../../../shared/answering/known-answer.ts';
import { fitPassages } from '../../../shared/answering/passages.ts';
import { type Cache, noCache } from '../../../shared/core/cache.ts';
import { wholeWorkspace } from '../../../shared/core/caller.ts';
import { hitOf } from './hits.ts';

const identity: AnswerIdentity = {
  workspaceId: 'w1',
  narrowing: wholeWorkspace,
  collectionIds: null,
  question: 'When?',
  filter: null,
  limit: 12,
  route: 'documents',
  reasoning: 'direct',
  chatModel: 'model',
  legs: ['weights 1 1'],
  state: '0 1',
};
const key = answerKey(identity);

/** Two neighbouring chunks of one document and one of another. */
function answeredFrom(texts: readonly string[], more: Partial<AnsweredQuery> = {}): AnsweredQuery {
  const hits = texts.map((text, i) =>
    hitOf({
      text,
      chunkId: `c${i}`,
      documentId: i < 2 ? 'd0' : `d${i}`,
      ordinal: i,
      location: { headings: [], start: i * 10, end: i * 10 + text.length },
    }),
  );
  const passages = fitPassages(
    [hits[2], hits[1], hits[0]].filter((hit) => hit !== undefined),
    100_000,
  );
  return {
    route: 'documents',
    answer: 'So [1].',
    citations: [{ kind: 'document', n: 1, hit: passages[0]?.chunks[0]?.hit, quote: 'x' }],
    passages,
    results: [],
    connectionIds: [],
    steps: [],
    model: 'model',
    degraded: [],
    error: null,
    trace: { removedMarks: 2, promptHash: 'hash' },
    ...more,
  } as unknown as AnsweredQuery;
}
const answered = answeredFrom(['one', 'two', 'three']);

function memoryCache(): Cache & { readonly values: Map<string, Uint8Array> } {
  const values = new Map<string, Uint8Array>();
  return {
    values,
    getMany: async (keys) => keys.map((one) => values.get(one)),
    setMany: async (entries) => {
      for (const { key: one, value } of entries) values.set(one, value);
    },
    delete: async () => {},
  };
}

describe('a known answer', () => {
  it('is what was packed, with the same numbers', () => {
    const known = unpackAnswer(key, packAnswer(key, answered));
    expect(known?.passages).toEqual(answered.passages);
    expect(known).toMatchObject({ answer: 'So [1].', citations: answered.citations, removedMarks: 2 });
  });

  it('is not believed under another key, cut or changed', () => {
    const value = packAnswer(key, answered) as Buffer;
    const foreign = answerKey({ ...identity, workspaceId: 'w2' });
    expect(unpackAnswer(foreign, value)).toBe(undefined);
    expect(unpackAnswer(key, value.subarray(0, 20))).toBe(undefined);
    expect(unpackAnswer(key, Buffer.from(value.toString('latin1').replace('So', 'No'), 'latin1'))).toBe(undefined);
  });

  it('is not kept when it is long, degraded, or none', async () => {
    const cache = memoryCache();
    const refused = [
      answeredFrom(['x'.repeat(largestKnownAnswer)]),
      answeredFrom(['one'], { degraded: ['embedding'] }),
      answeredFrom(['one'], { answer: null }),
    ];
    for (const one of refused) {
      const turn = await new AnswerCache(cache, 60).take(key);
      if (!turn.known) await turn.settle(one);
    }
    expect(cache.values.size).toBe(0);
  });

  it('has a key of its own for all that it depends on', () => {
    const others: Partial<AnswerIdentity>[] = [
      { workspaceId: 'w2' },
      { narrowing: { ...wholeWorkspace, collectionIds: ['c'] } },
      { narrowing: { ...wholeWorkspace, connectionIds: ['c'] } },
      { narrowing: { ...wholeWorkspace, connectionIds: [] } },
      { collectionIds: ['c'] },
      { question: 'Who?' },
      { filter: { type: 'eq', key: 'a', value: 1 } },
      { limit: 13 },
      { route: 'both' },
      { reasoning: 'decompose' },
      { chatModel: 'other' },
      { legs: ['weights 1 2'] },
      { state: '0 2' },
    ];
    const keys = new Set([key, ...others.map((other) => answerKey({ ...identity, ...other }))]);
    expect(keys.size).toBe(others.length + 1);
    expect(key).not.toContain('When');
  });
});

describe('a cache of answers', () => {
  it('refuses what another workspace’s answer was put in the place of', async () => {
    const cache = memoryCache();
    const foreign = answerKey({ ...identity, workspaceId: 'w2' });
    cache.values.set(key, packAnswer(foreign, answered) as Buffer);
    expect((await new AnswerCache(cache, 60).take(key)).known).toBe(undefined);
    cache.values.set(key, packAnswer(key, answered) as Buffer);
    expect((await new AnswerCache(cache, 60).take(key)).known?.answer).toBe('So [1].');
  });

  it('lets one ask for all who ask the same at once, also without a server', async () => {
    const cache = new AnswerCache(noCache, 60);
    let asked = 0;
    const one = async () => {
      const turn = await cache.take(key);
      if (turn.known) return turn.known.answer;
      asked += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
      await turn.settle(answered);
      turn.leave();
      return 'asked';
    };
    const answers = await Promise.all(Array.from({ length: 200 }, one));
    expect(asked).toBe(1);
    expect(answers.filter((answer) => answer === 'So [1].')).toHaveLength(199);
    // And remembers it.
    expect(await one()).toBe('So [1].');
  });

  it('keeps nobody waiting for one who failed', async () => {
    const cache = new AnswerCache(noCache, 60);
    const first = await cache.take(key);
    const second = cache.take(key);
    if (!first.known) first.leave();
    expect((await second).known).toBe(undefined);
  });
});
