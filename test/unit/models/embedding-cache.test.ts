import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CachedEmbedder } from '../../../shared/models/cached-embedder.ts';
import { QuestionEmbedder } from '../../../shared/models/embed-question.ts';
import { EmbeddingCache, embeddingKey } from '../../../shared/models/embedding-cache.ts';
import { FakeEmbedder, vectorOf } from './fake-embedder.ts';
import { MemoryCache } from './memory-cache.ts';

const options = { deadline: Number.POSITIVE_INFINITY };
const space = { workspaceId: 'w1', model: 'fake', dimensions: 4 };
const hashOf = (text: string) => createHash('sha256').update(text).digest();

describe('EmbeddingCache', () => {
  it('gives back what was stored, under keys that hold the workspace and no text', async () => {
    const memory = new MemoryCache();
    const cache = new EmbeddingCache(memory, 900);
    await cache.set(space, [{ hash: hashOf('secret'), vector: vectorOf('secret') }]);
    expect(await cache.get(space, [hashOf('other'), hashOf('secret')])).toEqual([undefined, vectorOf('secret')]);
    const hex = hashOf('secret').toString('hex');
    expect([...memory.entries.keys()]).toEqual([`emb:{w1:${hex.slice(0, 2)}}:fake:${hex}`]);
    expect(memory.entries.get([...memory.entries.keys()][0] as string)?.byteLength).toBe(8 + 4 * 4);
    expect(memory.secondsToLive).toBe(900);
  });

  it('recognises an entry of another text, another size, or with a changed byte', async () => {
    const memory = new MemoryCache();
    const cache = new EmbeddingCache(memory, 900);
    await cache.set(space, [{ hash: hashOf('a'), vector: vectorOf('a') }]);
    const good = memory.entries.get(embeddingKey(space, hashOf('a'))) as Uint8Array;
    const get = async (text: string) => (await cache.get(space, [hashOf(text)]))[0];
    memory.entries.set(embeddingKey(space, hashOf('b')), good);
    expect(await get('b')).toBeUndefined();
    for (let i = 0; i < good.length; i += 1) {
      const changed = Buffer.from(good);
      changed[i] = (changed[i] as number) ^ 1;
      memory.entries.set(embeddingKey(space, hashOf('a')), changed);
      expect(await get('a')).toBeUndefined();
    }
    memory.entries.set(embeddingKey(space, hashOf('a')), good.subarray(0, 20));
    expect(await get('a')).toBeUndefined();
    memory.entries.set(embeddingKey(space, hashOf('a')), good);
    expect(await get('a')).toEqual(vectorOf('a'));
    expect(await cache.get({ ...space, dimensions: 3 }, [hashOf('a')])).toEqual([undefined]);
  });

  it('tells workspaces and models apart', async () => {
    const cache = new EmbeddingCache(new MemoryCache(), 900);
    await cache.set(space, [{ hash: hashOf('a'), vector: vectorOf('a') }]);
    expect(await cache.get({ ...space, workspaceId: 'w2' }, [hashOf('a')])).toEqual([undefined]);
    expect(await cache.get({ ...space, model: 'other' }, [hashOf('a')])).toEqual([undefined]);
  });
});

describe('CachedEmbedder', () => {
  it('buys only what is missing, and keeps the order', async () => {
    const inner = new FakeEmbedder();
    const embedder = new CachedEmbedder(inner, new EmbeddingCache(new MemoryCache(), 900), 'w1');
    await embedder.embed(['b'], options);
    const { vectors, tokens } = await embedder.embed(['a', 'b', 'c'], options);
    expect(vectors).toEqual(['a', 'b', 'c'].map(vectorOf));
    expect(tokens).toBe(2);
    expect(inner.requests).toEqual([['b'], ['a', 'c']]);
  });
});

describe('QuestionEmbedder', () => {
  const create = (capacity = 10) => {
    const inner = new FakeEmbedder();
    const memory = new MemoryCache();
    const questions = new QuestionEmbedder(inner, new EmbeddingCache(memory, 86_400), capacity);
    return { inner, memory, questions };
  };

  it('asks the model once for two hundred equal questions at once', async () => {
    const { inner, questions } = create();
    const answers = await Promise.all(Array.from({ length: 200 }, () => questions.embed('w1', 'why?', options)));
    expect(inner.requests).toEqual([['why?']]);
    expect(answers.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(1);
    expect(await questions.embed('w1', 'why?', options)).toEqual({ vector: vectorOf('why?'), tokens: 0, cache: 'hit' });
  });

  it('keeps workspaces apart', async () => {
    const { inner, questions } = create();
    await questions.embed('w1', 'why?', options);
    await questions.embed('w2', 'why?', options);
    expect(inner.requests).toHaveLength(2);
  });

  it('forgets the question longest unused, and then asks the cache', async () => {
    const { inner, memory, questions } = create(2);
    for (const question of ['a', 'b', 'a', 'c']) await questions.embed('w1', question, options);
    memory.asked.length = 0;
    await questions.embed('w1', 'a', options);
    expect(memory.asked).toEqual([]);
    expect(await questions.embed('w1', 'b', options)).toMatchObject({ cache: 'hit', tokens: 0 });
    expect(memory.asked).toHaveLength(1);
    expect(inner.requests).toHaveLength(3);
  });

  it("does not let one caller's failure be another's, nor remember it", async () => {
    const { inner, questions } = create();
    let failures = 1;
    inner.fault = () => {
      if (failures-- > 0) throw new Error('down');
    };
    const [first, second] = await Promise.allSettled([
      questions.embed('w1', 'q', options),
      questions.embed('w1', 'q', options),
    ]);
    expect(first?.status).toBe('rejected');
    expect(second?.status).toBe('fulfilled');
  });
});
