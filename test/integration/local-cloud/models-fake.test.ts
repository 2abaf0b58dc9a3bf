import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeModelServer, startFakeModelServer } from '../../support/fake-model-server/server.ts';

describe('the fake model server behind the stock OpenAI client', () => {
  let fake: FakeModelServer;
  let client: OpenAI;

  beforeEach(async () => {
    fake = await startFakeModelServer({ seed: 7 });
    client = new OpenAI({ baseURL: fake.baseUrl, apiKey: 'none', maxRetries: 0, timeout: 3_000 });
  });
  afterEach(() => fake.close());

  const embed = (input: string | string[]) => client.embeddings.create({ model: 'm', input });
  const say = (content = 'hi') => client.chat.completions.create({ model: 'm', messages: [{ role: 'user', content }] });
  const cosine = (left: ArrayLike<number>, right: ArrayLike<number>) =>
    Array.from(left).reduce((sum, value, position) => sum + value * (right[position] as number), 0);

  test('vectors are those it tells, topics lie where they should', async () => {
    const { data } = await embed(['one', 'a [[topic:cats]]', 'b [[topic:cats@0.5]]', 'c [[topic:dogs]]']);
    const [one, near, far, dogs] = data.map(({ embedding }) => embedding) as [number[], number[], number[], number[]];
    expect(cosine(one, fake.vectors.vector('one'))).toBeCloseTo(1, 5);
    expect(cosine(near, fake.vectors.centre('cats'))).toBeCloseTo(0.9, 4);
    expect(cosine(far, fake.vectors.centre('cats'))).toBeCloseTo(0.5, 4);
    expect(Math.abs(cosine(near, dogs))).toBeLessThan(0.15);
  });

  test('the ledger counts purchases, concurrency and refusals', async () => {
    const slow = await startFakeModelServer({ latencyMs: 100, perInputMs: 10 });
    const patient = new OpenAI({ baseURL: slow.baseUrl, apiKey: 'none', maxRetries: 0 });
    const started = performance.now();
    const request = { model: 'm', input: ['same', 'other'] };
    await Promise.all([patient.embeddings.create(request), patient.embeddings.create({ ...request, input: 'same' })]);
    expect(performance.now() - started).toBeGreaterThan(115);
    await expect(patient.embeddings.create({ model: 'm', input: new Array(2_049).fill('x') })).rejects.toThrow('2048');
    expect(slow.ledger.snapshot()).toMatchObject({
      inputs: 3,
      succeeded: 2,
      peakConcurrency: 2,
      distinctTexts: 2,
      repeatedTexts: 1,
    });
    expect([
      slow.ledger.purchases('same'),
      slow.ledger.purchases('other'),
      slow.ledger.snapshot().refusals.length,
    ]).toEqual([2, 1, 1]);
    await slow.close();
  });

  test.each([
    ['429', {}, 429, 'retry-after', '1'],
    ['429', { 'retry-after': '120' }, 429, 'retry-after', '120'],
    ['429', { 'retry-after-ms': '50' }, 429, 'retry-after-ms', '50'],
    ['429', { 'retry-after': 'none' }, 429, 'retry-after', null],
    ['insufficient-quota', {}, 429, 'retry-after', null],
    ['500', {}, 500, 'content-type', 'application/json'],
    ['502', {}, 502, 'content-type', 'text/html; charset=utf-8'],
    ['503', {}, 503, 'content-type', 'application/json'],
    ['504', {}, 504, 'content-type', 'application/json'],
    ['520', {}, 520, 'content-type', 'text/html; charset=utf-8'],
    ['context-length', {}, 400, 'content-type', 'application/json'],
    ['401', {}, 401, 'content-type', 'application/json'],
    ['403', {}, 403, 'content-type', 'application/json'],
    ['404-model', {}, 404, 'content-type', 'application/json'],
  ] as const)('fault %s %j', async (kind, options, status, header, value) => {
    fake.faults.next(kind, options, 2);
    const failures = await Promise.all(
      [embed('x'), say()].map((answer) =>
        answer.then(
          () => undefined,
          (error) => error,
        ),
      ),
    );
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(OpenAI.APIError);
      expect([failure.status, failure.headers.get(header)]).toEqual([status, value]);
    }
    expect(fake.ledger.snapshot()).toMatchObject({ inputs: 0, faults: { [kind]: 2 }, refusals: [] });
    expect((await embed('x')).data).toHaveLength(1);
  });

  test.each(['hang', 'reset', 'hang-body', 'reset-after-processing', 'truncated-json'] as const)(
    'fault %s',
    async (kind) => {
      const hasty = new OpenAI({ baseURL: fake.baseUrl, apiKey: 'none', maxRetries: 0, timeout: 300 });
      const done = async () => {
        const response = await hasty.embeddings.create(
          { model: 'm', input: `[[fault:${kind}:times=1]]` },
          { signal: AbortSignal.timeout(300) },
        );
        return response.data;
      };
      await expect(done()).rejects.toThrow();
      const bought = ['hang-body', 'reset-after-processing', 'truncated-json'].includes(kind);
      expect(fake.ledger.purchases(`[[fault:${kind}:times=1]]`)).toBe(bought ? 1 : 0);
      await expect.poll(() => fake.ledger.snapshot().concurrency).toBe(0);
      expect(await done()).toHaveLength(1);
    },
  );

  test('faults in the vectors', async () => {
    const input = ['a', 'b', 'c'];
    const spoilt = async (kind: Parameters<typeof fake.faults.next>[0]) => {
      fake.faults.next(kind);
      return (await client.embeddings.create({ model: 'm', input, encoding_format: 'float' })).data;
    };
    expect((await spoilt('shuffled')).map(({ index }) => index)).toEqual([2, 1, 0]);
    expect((await spoilt('missing-one')).map(({ index }) => index)).toEqual([1, 2]);
    expect((await spoilt('extra-one')).map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    expect((await spoilt('duplicate-index')).map(({ index }) => index)).toEqual([0, 0, 2]);
    expect((await spoilt('wrong-dimension'))[0]?.embedding).toHaveLength(1_535);
    expect((await spoilt('nan'))[0]?.embedding[0]).toBeNull();
    expect((await spoilt('null-vector'))[0]?.embedding).toBeNull();
    expect((await spoilt('zero-vector'))[0]?.embedding.every((value) => value === 0)).toBe(true);
    expect((await spoilt('base64'))[0]?.embedding).toBeTypeOf('string');
    fake.faults.next('usage-missing');
    expect((await embed(input)).usage).toBeUndefined();
  });

  test('rules strike at their rate, the same for the same seed', async () => {
    const strikes = async () => {
      const server = await startFakeModelServer({ seed: 3, faults: [{ kind: '500', rate: 0.3, on: 'embeddings' }] });
      const url = `${server.baseUrl}/embeddings`;
      const body = JSON.stringify({ model: 'm', input: 'x' });
      const statuses: number[] = [];
      for (let count = 0; count < 100; count++) {
        const response = await fetch(url, { method: 'POST', body });
        await response.arrayBuffer();
        statuses.push(response.status);
      }
      await server.close();
      return statuses;
    };
    const first = await strikes();
    const failed = first.filter((status) => status === 500).length;
    expect(failed).toBeGreaterThan(15);
    expect(failed).toBeLessThan(45);
    expect(await strikes()).toEqual(first);
  });

  test('scripted answers: queue, function, tools', async () => {
    fake.chat.enqueue('first', { toolCalls: [{ id: 'c1', name: 'search', arguments: '{"q":"x"}' }] });
    fake.chat.answerWith(({ messages }) => `echo ${messages.at(-1)?.text}`);
    expect((await say()).choices[0]?.message.content).toBe('first');
    const tools = (await say()).choices[0];
    expect([tools?.finish_reason, tools?.message.tool_calls?.[0]]).toMatchObject([
      'tool_calls',
      { function: { name: 'search' } },
    ]);
    expect((await say('you')).choices[0]?.message.content).toBe('echo you');
    expect(fake.chat.requests).toHaveLength(3);
  });

  const read = async (pieceDelayMs = 0) => {
    fake.chat.enqueue({ content: 'one two three four', pieceDelayMs });
    const stream = await client.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    const seen = { text: '', finish: '', tokens: 0, choices: 0 };
    for await (const chunk of stream) {
      seen.text += chunk.choices[0]?.delta.content ?? '';
      seen.finish = chunk.choices[0]?.finish_reason ?? seen.finish;
      seen.tokens = chunk.usage?.total_tokens ?? seen.tokens;
      seen.choices += chunk.choices.length;
    }
    return seen;
  };

  test('streams, and their faults', async () => {
    const started = performance.now();
    expect(await read(20)).toMatchObject({ text: 'one two three four', finish: 'stop', tokens: expect.any(Number) });
    expect(performance.now() - started).toBeGreaterThan(100);
    fake.faults.next('length');
    expect(await read()).toMatchObject({ text: 'one two t', finish: 'length' });
    fake.faults.next('empty-choices');
    expect((await read()).choices).toBe(0);
    fake.faults.next('usage-missing');
    expect((await read()).tokens).toBe(0);
    fake.faults.next('drip', { ms: '30' });
    const dripping = performance.now();
    await read();
    expect(performance.now() - dripping).toBeGreaterThan(150);
    for (const kind of ['stream-cut', 'stream-error', 'reset-after-processing', 'truncated-json'] as const) {
      fake.faults.next(kind);
      await expect(read(), kind).rejects.toThrow();
    }
    fake.faults.next('invalid-tool-json');
    const broken = (await say()).choices[0]?.message.tool_calls?.[0] as { function: { arguments: string } };
    expect(() => JSON.parse(broken.function.arguments)).toThrow(SyntaxError);
  });

  test('keep-alives for ever end with the client', async () => {
    fake.faults.next('keep-alive-forever');
    const request = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }], stream: true as const };
    const stream = await client.chat.completions.create(request);
    setTimeout(() => stream.controller.abort(), 100);
    for await (const chunk of stream) expect.unreachable(`a chunk: ${JSON.stringify(chunk)}`);
    await expect.poll(() => fake.ledger.snapshot().concurrency).toBe(0);
  });
});
