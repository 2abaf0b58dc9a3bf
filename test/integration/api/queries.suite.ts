import { describe, expect, it } from 'vitest';
import type { ChatRequest } from '../../../infra/local/models/wire/chat-request.ts';
import { type ApiClient, ingest, type Json } from '../../support/api-client.ts';
import { readEvents } from '../../support/server-sent-events.ts';
import { uuidOf, type Workspace, type World } from './world.ts';

const handbook = [
  'Refunds are paid within 14 days of the return.',
  'The shop in Skagen is open from 9 to 5, and closed on Mondays.',
  'The lighthouse at Skagen was lit in 1747.',
].join('\n\n');

const sourceOf = ({ messages }: ChatRequest, words: string): string => {
  const prompt = messages.at(-1)?.text ?? '';
  for (const [, n, text] of prompt.matchAll(/<source-\w+ n="(\d+)"[^>]*>([\s\S]*?)<\/source-/g))
    if (text?.includes(words)) return n as string;
  return '99';
};
const refunds = 'paid within 14 days of the return';
const goodAnswer = (request: ChatRequest) => `Refunds take 14 days [${sourceOf(request, refunds)}: "${refunds}"].`;

export function querySuite(world: World): void {
  const home = async (name: string, content = handbook): Promise<Workspace> => {
    const made = await world().workspace(name);
    await ingest(made.api, {
      collection_id: made.collectionId,
      name: 'handbook.md',
      source_uri: 'urn:handbook',
      content,
    });
    return made;
  };
  const say = (answer: (request: ChatRequest) => string) => world().cloud.models.chat.answerWith(answer);
  const question = 'When are refunds paid?';
  const ask = (api: ApiClient, more: object = {}) => api.expect(200, 'POST', '/v1/queries', { question, ...more });

  describe('a question', () => {
    it('is answered with a citation whose quote stands in the chunk', async () => {
      const { api } = await home('answered');
      say(goodAnswer);
      const answer = await ask(api);
      expect(answer).toMatchObject({
        object: 'query',
        question,
        route: 'documents',
        answer: 'Refunds take 14 days [1].',
        model: 'gpt-5.4-mini',
        sql: null,
        steps: [],
        degraded: [],
        error: null,
        conversation_id: null,
      });
      const [citation] = answer.citations;
      expect(answer.citations).toHaveLength(1);
      expect(citation).toMatchObject({
        n: 1,
        kind: 'document',
        quote: refunds,
        verified: true,
        document_name: 'handbook.md',
      });
      const { data } = await api.expect(200, 'GET', `/v1/documents/${citation.document_id}/chunks`);
      const chunk = data.find((one: Json) => one.id === citation.chunk_id);
      expect(chunk.text).toContain(refunds);
      expect(handbook.slice(citation.location.start, citation.location.end)).toBe(refunds);
      expect(answer.sources_count).toBe(answer.sources.length);
      expect(answer.usage.prompt_tokens).toBeGreaterThan(100);
      expect(answer.usage.cost_usd).toBeGreaterThan(0);
      expect(answer.timing_ms.first_token).toBeGreaterThan(0);
    });

    it('loses marks that do not hold, and its answer when none is left', async () => {
      const { api } = await home('unsupported');
      say((request) => `Refunds take 3 days [${sourceOf(request, refunds)}: "paid within 3 days of the return"].`);
      const answer = await ask(api);
      expect(answer.answer).toMatch(/nothing was found/i);
      expect(answer.citations).toEqual([]);
    });

    it('of an empty collection is answered without a model', async () => {
      const { api } = await world().workspace('empty');
      const before = world().cloud.models.chat.requests.length;
      const answer = await ask(api);
      expect(answer).toMatchObject({ citations: [], sources: [], usage: { prompt_tokens: 0 } });
      expect(answer.answer).toMatch(/nothing was found/i);
      expect(world().cloud.models.chat.requests.length).toBe(before);
    });

    it('finds only what the key may see', async () => {
      const made = await home('narrowed');
      const other = await made.api.expect(201, 'POST', '/v1/collections', { name: 'other' });
      const narrow = await world().key(made, { role: 'reader', collection_ids: [other.id] });
      const stranger = await world().workspace('stranger');
      say(goodAnswer);
      expect((await ask(narrow)).sources).toEqual([]);
      expect((await ask(stranger.api)).sources).toEqual([]);
      const refused = [
        await narrow.post('/v1/queries', { question, collection_ids: [made.collectionId] }),
        await stranger.api.post('/v1/queries', { question, collection_ids: [made.collectionId] }),
        await made.api.post('/v1/queries', { question, connection_ids: [`con_${'0'.repeat(32)}`] }),
      ];
      expect(refused.map(({ status }) => status)).toEqual([404, 404, 404]);
    });

    it.each([
      ['no question', {}],
      ['an empty question', { question: '  ' }],
      ['over 8,000 characters', { question: 'x'.repeat(8_001) }],
      ['a limit out of range', { question, limit: 51 }],
      ['an unknown member', { question, temperature: 2 }],
      ['a filter of a wrong type', { question, filter: { type: 'eq', key: 'a', value: { b: 1 } } }],
      ['an id of another kind', { question, collection_ids: ['doc_1'] }],
    ])('with %s is refused', async (_, body) => {
      const { api } = await world().workspace('refused');
      const answer = await api.post('/v1/queries', body);
      expect([answer.status, answer.body.code]).toEqual([422, 'validation_failed']);
    });

    it('meters every call to the model once', async () => {
      const made = await home('metered questions');
      say(goodAnswer);
      const { usage } = await ask(made.api);
      const { rows } = await world().admin.query(
        `SELECT requests, prompt_tokens::int, completion_tokens::int, cost_usd::float FROM dbrag.usage_events
         WHERE workspace_id = $1 AND operation = 'query'`,
        [made.uuid],
      );
      expect(rows).toMatchObject([
        { requests: 1, prompt_tokens: usage.prompt_tokens, completion_tokens: usage.completion_tokens },
      ]);
      expect(rows[0].cost_usd).toBeCloseTo((usage.prompt_tokens * 0.75 + usage.completion_tokens * 4.5) / 1e6, 12);
    });

    it('under an Idempotency-Key is asked once, also as a stream', async () => {
      const made = await home('once');
      say(goodAnswer);
      const key = { 'idempotency-key': 'question-1' };
      const before = world().cloud.models.chat.requests.length;
      const both = await Promise.all([0, 1].map(() => made.api.post('/v1/queries', { question }, key)));
      expect(both.map(({ status }) => status)).toEqual([200, 200]);
      expect(both[0]?.body).toEqual(both[1]?.body);
      expect(world().cloud.models.chat.requests.length - before).toBe(1);
      expect((await made.api.post('/v1/queries', { question: 'Another?' }, key)).body.code).toBe(
        'idempotency_mismatch',
      );
      const streamed = { question, stream: true };
      const first = await readEvents(made.api, '/v1/queries', streamed, { 'idempotency-key': 'question-2' });
      const again = await readEvents(made.api, '/v1/queries', streamed, { 'idempotency-key': 'question-2' });
      expect(again.map(({ event }) => event)).toEqual(['done']);
      expect(again[0]?.data).toEqual(first.at(-1)?.data);
      expect(await world().count('SELECT count(*) FROM dbrag.queries WHERE workspace_id = $1', [made.uuid])).toBe(2);
    });
  });

  describe('a streamed question', () => {
    it('tells route and sources, then the text as it comes, then the whole', async () => {
      const { api } = await home('streamed');
      say(goodAnswer);
      const events = await readEvents(api, '/v1/queries', { question, stream: true });
      const names = events.map(({ event }) => event);
      expect([names[0], names[1], names.at(-1)]).toEqual(['route', 'sources', 'done']);
      const text = events.filter(({ event }) => event === 'delta').map(({ data }) => data.text);
      expect(text.length).toBeGreaterThan(2);
      expect(text.join('')).toBe('Refunds take 14 days [1].');
      expect(events.at(-1)?.data.answer).toBe(text.join(''));
      expect(events[1]?.data.data[0].text).toContain('Refunds');
    });

    it('that is wrong has a status', async () => {
      const { api } = await world().workspace('wrong stream');
      const answer = await api.post('/v1/queries', {
        question,
        stream: true,
        collection_ids: [`col_${'0'.repeat(32)}`],
      });
      expect([answer.status, answer.body?.code]).toEqual([404, 'not_found']);
    });
  });

  describe('a chat model', () => {
    const withFault = async (kind: string, work: () => Promise<void>, options = {}): Promise<void> => {
      world().cloud.models.faults.setRules([{ kind, rate: 1, on: 'chat', options } as never]);
      try {
        await work();
      } finally {
        world().cloud.models.faults.clear();
      }
    };

    it.each(['500', '429', 'insufficient-quota', 'hang', '401', 'empty-choices', 'stream-cut', 'stream-error'])(
      'that fails (%s) leaves the sources',
      async (kind) => {
        const { api } = await home(`down ${kind}`);
        await withFault(kind, async () => {
          const started = performance.now();
          const answer = await ask(api);
          expect(performance.now() - started).toBeLessThan(5_000);
          expect(answer).toMatchObject({ answer: null, citations: [] });
          expect(answer.sources[0].text).toContain('Refunds');
          expect(answer.error).toMatchObject({ code: expect.stringMatching(/^model_/), status: expect.any(Number) });
        });
      },
    );

    it('that is cut in the middle of a stream ends it with an error and what was found', async () => {
      const made = await home('cut');
      say(goodAnswer);
      await withFault('stream-cut', async () => {
        const events = await readEvents(made.api, '/v1/queries', { question, stream: true });
        expect(events.slice(-2).map(({ event }) => event)).toEqual(['error', 'done']);
        expect(events.at(-1)?.data).toMatchObject({ answer: null, error: { code: 'model_unavailable' } });
      });
      const { rows } = await world().admin.query(
        `SELECT count(*)::int AS calls FROM dbrag.usage_events WHERE workspace_id = $1 AND operation = 'query'`,
        [made.uuid],
      );
      expect(rows).toEqual([{ calls: 1 }]);
    });

    it('that failed is asked again under the same Idempotency-Key', async () => {
      const { api } = await home('asked again');
      say(goodAnswer);
      const key = { 'idempotency-key': 'again' };
      await withFault('401', async () => {
        expect((await api.post('/v1/queries', { question }, key)).body.answer).toBe(null);
      });
      expect((await api.post('/v1/queries', { question }, key)).body.answer).toBe('Refunds take 14 days [1].');
    });

    it('that embeds is not needed: words are looked for instead', async () => {
      const { api } = await home('words only');
      say(goodAnswer);
      world().cloud.models.faults.setRules([{ kind: 'context-length', rate: 1, on: 'embeddings' }]);
      try {
        const answer = await ask(api, { question: 'When are the refunds paid, in days?' });
        expect(answer).toMatchObject({ answer: 'Refunds take 14 days [1].', degraded: ['embedding'] });
      } finally {
        world().cloud.models.faults.clear();
      }
    });

    it('that fails once before its first token is asked again', async () => {
      const { api } = await home('retried');
      say(goodAnswer);
      const answer = await ask(api, { question: `${question} [[fault:500:times=1]]` });
      expect(answer.answer).toBe('Refunds take 14 days [1].');
    });
  });

  it('is kept with its answer in one row', async () => {
    const made = await home('kept');
    say(goodAnswer);
    const answer = await ask(made.api);
    const { rows } = await world().admin.query(
      'SELECT answer, answered, trace, created_at FROM dbrag.queries WHERE workspace_id = $1 AND id = $2',
      [made.uuid, uuidOf(answer.id)],
    );
    expect(rows).toMatchObject([{ answer: answer.answer, answered: true, trace: { removed_marks: 0 } }]);
    expect(rows[0].created_at.toISOString()).toBe(answer.created_at);
  });
}
