import { describe, expect, it } from 'vitest';
import type { ChatRequest } from '../../../infra/local/models/wire/chat-request.ts';
import { whileCacheAnswers } from '../../support/answering-cache.ts';
import { type ApiClient, ingest, type Json } from '../../support/api-client.ts';
import { readEvents } from '../../support/server-sent-events.ts';
import type { Workspace, World } from './world.ts';

const text = (days: number) => `Refunds are paid within ${days} days of the return.`;
const question = 'When are refunds paid?';

/** Answers that are known, what a workspace chooses for its answers, and whom they are for. */
export function knownAnswersSuite(world: World): void {
  const put = (made: Workspace, content: string) =>
    ingest(made.api, { collection_id: made.collectionId, name: 'shop.md', source_uri: 'urn:shop', content });
  const home = async (name: string): Promise<Workspace> => {
    const made = await world().workspace(name);
    await put(made, text(14));
    return made;
  };
  const quoteDays = ({ messages }: ChatRequest): string => {
    const found = /paid within \d+ days/.exec(messages.at(-1)?.text ?? '')?.[0];
    return found ? `So [1: "${found}"].` : 'I do not know.';
  };
  const ask = (api: ApiClient, more: object = {}) => {
    world().cloud.models.chat.answerWith(quoteDays);
    return api.expect(200, 'POST', '/v1/queries', { question, ...more });
  };
  const calls = () => world().cloud.models.chat.requests.length;

  describe('an answer that is known', () => {
    it('is given again without a model, and kept as a question of its own', whileCacheAnswers, async () => {
      const made = await home('known');
      const first = await ask(made.api);
      const before = calls();
      const again = await ask(made.api);
      expect(calls()).toBe(before);
      expect([first.cache.result, again.cache.result]).toEqual(['miss', 'hit']);
      for (const member of ['answer', 'citations', 'sources', 'model', 'sources_count'])
        expect(again[member]).toEqual(first[member]);
      expect(again.id).not.toBe(first.id);
      expect(again.usage).toEqual({ embedding_tokens: 0, prompt_tokens: 0, completion_tokens: 0, cost_usd: 0 });
      const events = await readEvents(made.api, '/v1/queries', { question, stream: true });
      expect(events.map(({ event }) => event)).toEqual(['route', 'sources', 'delta', 'done']);
      expect(events.at(-1)?.data).toMatchObject({ answer: first.answer, cache: { result: 'hit' } });
      const kept = await made.api.expect(200, 'GET', `/v1/queries/${again.id}`);
      expect(kept).toMatchObject({ answer: first.answer, cache: { result: 'hit' }, citations: first.citations });
      const { data } = await made.api.expect(200, 'GET', '/v1/analytics/queries');
      expect(data[0]).toMatchObject({ count: 3, cached: 2 });
    });

    it('is never given after a swap, a change of what may be filtered by, or a deletion', async () => {
      const made = await home('stale');
      expect((await ask(made.api)).citations[0].quote).toBe('paid within 14 days');
      const document = await put(made, text(30));
      const swapped = await ask(made.api);
      expect([swapped.cache.result, swapped.citations[0].quote]).toEqual(['miss', 'paid within 30 days']);
      await made.api.expect(200, 'PATCH', `/v1/documents/${document.id}`, { metadata: { kind: 'shop' } });
      expect((await ask(made.api)).cache.result).toBe('miss');
      await made.api.expect(202, 'DELETE', `/v1/documents/${document.id}`);
      expect(await ask(made.api)).toMatchObject({ citations: [], cache: { result: 'miss' } });
    });

    it('is nobody else’s: not of a narrowed key, and not of another workspace whose value lies under the key', async () => {
      const made = await home('planted');
      const first = await ask(made.api);
      const other = await made.api.expect(201, 'POST', '/v1/collections', { name: 'other' });
      const narrow = await world().key(made, { role: 'reader', collection_ids: [other.id] });
      expect(await ask(narrow)).toMatchObject({ sources: [], cache: { result: 'miss' } });
      expect((await ask(made.api, { limit: 3 })).cache.result).toBe('miss');
      expect(first.sources).not.toEqual([]);
    });

    it('is not kept of a model that failed', async () => {
      const { api } = await home('failed');
      world().cloud.models.faults.setRules([{ kind: '401', rate: 1, on: 'chat' } as never]);
      try {
        expect((await ask(api)).answer).toBe(null);
      } finally {
        world().cloud.models.faults.clear();
      }
      expect(await ask(api)).toMatchObject({ answer: 'So [1].', cache: { result: 'miss' } });
    });

    it(
      'is bought at most once by an execution environment, when 200 ask for it at once',
      whileCacheAnswers,
      async () => {
        const { api } = await home('cold');
        const { ledger } = world().cloud.models;
        const before = [calls(), ledger.snapshot().requests.embeddings];
        const answers: Json[] = [];
        world().cloud.models.chat.answerWith(quoteDays);
        const one = async () => {
          const body = { question: 'When exactly are refunds paid?' };
          for (;;) {
            const answer = await api.post('/v1/queries', body);
            // More than there are environments for are told to come again.
            if (answer.status !== 429 && answer.status < 500) return answers.push(answer.body);
          }
        };
        await Promise.all(Array.from({ length: 200 }, one));
        expect(new Set(answers.map(({ answer }) => answer))).toEqual(new Set(['So [1].']));
        const { runners } = world().cloud.lambda;
        const environments =
          runners.find((one) => one.function.name.toLowerCase().includes('stream'))?.processIds.length ?? 0;
        expect(calls() - (before[0] as number)).toBeLessThanOrEqual(environments);
        expect(ledger.snapshot().requests.embeddings - (before[1] as number)).toBeLessThanOrEqual(environments);
      },
    );
  });

  describe('the settings of a workspace', () => {
    it('choose the chat model among those of the stage, and for how long history is kept', async () => {
      const made = await home('settings');
      const { api } = made;
      expect(await api.expect(200, 'GET', '/v1/workspace')).toMatchObject({
        retention_days: 365,
        chat_model: 'gpt-5.4-mini',
        chat_models: ['gpt-5.4-mini', 'gpt-5.4', 'gpt-5.4-nano'],
      });
      await ask(api);
      const changed = await api.expect(200, 'PATCH', '/v1/workspace', {
        retention_days: 30,
        chat_model: 'gpt-5.4-nano',
      });
      expect(changed).toMatchObject({ retention_days: 30, chat_model: 'gpt-5.4-nano', name: 'settings' });
      const answer = await ask(api);
      expect(answer).toMatchObject({ model: 'gpt-5.4-nano', cache: { result: 'miss' } });
      const { prompt_tokens: prompt, completion_tokens: completion, cost_usd: cost } = answer.usage;
      expect(cost).toBeCloseTo((prompt * 0.2 + completion * 1.25) / 1e6, 7);
      const { rows } = await world().admin.query(
        `SELECT settings, (SELECT detail FROM dbrag.audit_events a WHERE a.workspace_id = w.id AND action = 'workspace.update') AS detail
         FROM dbrag.workspaces w WHERE id = $1`,
        [made.uuid],
      );
      const chosen = { retention_days: 30, chat_model: 'gpt-5.4-nano' };
      expect(rows).toEqual([{ settings: chosen, detail: { changed: chosen } }]);
      const back = await api.expect(200, 'PATCH', '/v1/workspace', { chat_model: null });
      expect(back).toMatchObject({ retention_days: 30, chat_model: 'gpt-5.4-mini' });
    });

    it.each([
      ['a model that the stage does not allow', { chat_model: 'gpt-4.1' }, '/chat_model'],
      ['no day', { retention_days: 0 }, '/retention_days'],
      ['more than ten years', { retention_days: 3_651 }, '/retention_days'],
      ['half a day', { retention_days: 0.5 }, '/retention_days'],
    ])('refuse %s', async (_, body, pointer) => {
      const { api } = await world().workspace('refused settings');
      const answer = await api.patch('/v1/workspace', body);
      expect([answer.status, answer.body.errors[0].pointer]).toEqual([422, pointer]);
    });
  });

  describe('a subject', () => {
    it('is known from its first question on, metered and found by', whileCacheAnswers, async () => {
      const made = await home('subjects');
      const first = await ask(made.api, { subject: 'crm-7' });
      const { id } = await made.api.expect(201, 'POST', '/v1/conversations', { subject: 'crm-8' });
      const second = await made.api.expect(200, 'POST', `/v1/conversations/${id}/messages`, { content: question });
      await ask(made.api);
      expect([first.subject, second.subject]).toEqual(['crm-7', 'crm-8']);
      const list = async (path: string) => (await made.api.expect(200, 'GET', path)).data.map((one: Json) => one.id);
      expect(await list('/v1/queries?subject=crm-7')).toEqual([first.id]);
      expect(await list('/v1/queries?subject=crm-8')).toEqual([second.id]);
      expect(await list('/v1/queries?subject=nobody')).toEqual([]);
      expect(await list('/v1/conversations?subject=crm-8')).toEqual([id]);
      expect(await list('/v1/conversations?subject=crm-7')).toEqual([]);
      expect((await made.api.expect(200, 'GET', `/v1/queries/${first.id}`)).subject).toBe('crm-7');
      const { rows } = await world().admin.query(
        `SELECT s.external_id, array_agg(DISTINCT u.operation ORDER BY u.operation) AS operations
         FROM dbrag.subjects s LEFT JOIN dbrag.usage_events u ON u.workspace_id = s.workspace_id AND u.subject_id = s.id
         WHERE s.workspace_id = $1 GROUP BY 1 ORDER BY 1`,
        [made.uuid],
      );
      // The second asked what was known.
      expect(rows).toEqual([
        { external_id: 'crm-7', operations: ['query', 'search'] },
        { external_id: 'crm-8', operations: [null] },
      ]);
      expect((await made.api.post('/v1/queries', { question, subject: ' ' })).status).toBe(422);
    });

    it('is one, however many ask for it at once', async () => {
      const made = await home('one subject');
      await Promise.all([1, 2, 3, 4].map(() => ask(made.api, { subject: 'crm-9' })));
      expect(await world().count('SELECT count(*) FROM dbrag.subjects WHERE workspace_id = $1', [made.uuid])).toBe(1);
    });
  });
}
