import { describe, expect, it } from 'vitest';
import type { ChatRequest } from '../../../infra/local/models/wire/chat-request.ts';
import { type ApiClient, endOfJob, eventually, ingest, type Json } from '../../support/api-client.ts';
import { readEvents } from '../../support/server-sent-events.ts';
import type { Workspace, World } from './world.ts';

const content = 'The lighthouse at Skagen was lit in 1747. It is 21 metres high.\n\nRefunds are paid within 14 days.';
const quoting = (words: string) => (request: ChatRequest) =>
  request.messages[0]?.text.startsWith('Rewrite') ? 'How high is the lighthouse at Skagen?' : `So [1: "${words}"].`;

/** What is kept of questions, and conversations. */
export function questionHistorySuite(world: World): void {
  const say = (answer: (request: ChatRequest) => string) => world().cloud.models.chat.answerWith(answer);
  const home = async (name: string): Promise<Workspace> => {
    const made = await world().workspace(name);
    await ingest(made.api, { collection_id: made.collectionId, name: 'skagen.md', source_uri: 'urn:skagen', content });
    return made;
  };
  const ask = (api: ApiClient, question: string) => api.expect(200, 'POST', '/v1/queries', { question });

  describe('the history of questions', () => {
    it('lists them newest first, by what is asked for, and page by page', async () => {
      const { api } = await home('history');
      say(quoting('was lit in 1747'));
      const first = await ask(api, 'When was the lighthouse lit?');
      say(() => 'I do not know.');
      const second = await ask(api, 'Who lit the lighthouse?');
      await api.expect(200, 'POST', `/v1/queries/${first.id}/feedback`, { rating: 5, comment: 'Right' });
      const list = async (query: string) =>
        (await api.expect(200, 'GET', `/v1/queries?${query}`)).data.map(({ id }: Json) => id);
      expect(await list('')).toEqual([second.id, first.id]);
      expect(await list('answered=true')).toEqual([first.id]);
      expect(await list('answered=false')).toEqual([second.id]);
      expect(await list('rated=true')).toEqual([first.id]);
      expect(await list('route=database')).toEqual([]);
      expect(await list(`from=${first.created_at}&to=${second.created_at}`)).toEqual([first.id]);
      expect(await list(`limit=1&after=${second.id}`)).toEqual([first.id]);
      expect(await list(`after=${first.id}`)).toEqual([]);
      expect((await api.get('/v1/queries?answered=perhaps')).status).toBe(422);
    });

    it('shows an answer as it was told, with the feedback, and no texts of sources', async () => {
      const { api } = await home('shown again');
      say(quoting('was lit in 1747'));
      const told = await ask(api, 'When was the lighthouse lit?');
      const rated = await api.expect(200, 'POST', `/v1/queries/${told.id}/feedback`, { rating: 2 });
      const kept = await api.expect(200, 'GET', `/v1/queries/${told.id}`);
      expect(kept).toEqual(rated);
      expect(kept.feedback).toMatchObject({ rating: 2, comment: null });
      const { sources, feedback: _, ...rest } = told;
      expect(kept).toMatchObject(rest);
      expect(kept.sources).toEqual(sources.map(({ text: _text, ...source }: Json) => source));
      for (const rating of [0, 6, 2.5, 'good'])
        expect((await api.post(`/v1/queries/${told.id}/feedback`, { rating })).status).toBe(422);
    });

    it('of a deleted conversation, or of an erased subject, is under no idempotency key either', async () => {
      const made = await home('forgotten answers');
      say(quoting('was lit in 1747'));
      const answers = () =>
        world().count('SELECT count(*) FROM dbrag.idempotency_keys WHERE workspace_id = $1', [made.uuid]);
      const talk = async (key: string) => {
        const post = (path: string, body: object) =>
          made.api.post(path, body, { 'idempotency-key': `${key} ${path}`.replaceAll(/[^\w-]/g, '-') });
        const { body: conversation } = await post('/v1/conversations', { subject: 'ada' });
        // Asked for somebody else, in a conversation of hers.
        const said = await post(`/v1/conversations/${conversation.id}/messages`, { content: 'When?', subject: 'bob' });
        expect(said.status).toBe(200);
        return conversation.id;
      };
      const id = await talk('one');
      expect(await answers()).toBe(2);
      expect((await made.api.delete(`/v1/conversations/${id}`)).status).toBe(204);
      expect(await answers()).toBe(0);
      await talk('two');
      expect(await answers()).toBe(2);
      const { job } = await made.api.expect(202, 'DELETE', '/v1/subjects/ada');
      expect(await endOfJob(made.api, job.id, 30_000)).toMatchObject({ status: 'succeeded' });
      expect(await answers()).toBe(0);
    });

    it('belongs to its workspace, and to those who may see all that was searched', async () => {
      const made = await home('mine');
      say(quoting('was lit in 1747'));
      const { id } = await ask(made.api, 'When was the lighthouse lit?');
      const narrow = await world().key(made, { role: 'admin', collection_ids: [made.collectionId] });
      const stranger = (await world().workspace('not mine')).api;
      for (const api of [narrow, stranger]) {
        const answers = [
          await api.get(`/v1/queries/${id}`),
          await api.get(`/v1/queries/${id}/trace`),
          await api.post(`/v1/queries/${id}/feedback`, { rating: 1 }),
        ];
        expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
        expect((await api.expect(200, 'GET', '/v1/queries')).data).toEqual([]);
      }
      const own = await ask(narrow, 'When was the lighthouse lit?');
      expect((await narrow.expect(200, 'GET', '/v1/queries')).data.map((one: Json) => one.id)).toEqual([own.id]);
    });

    it('has a trace for administrators: ranks, scores, chunks, the hash of the prompt', async () => {
      const made = await home('traced');
      say((request) => `${quoting('was lit in 1747')(request)} And [1: "was lit in 1847"].`);
      const { id, sources } = await ask(made.api, 'When was the lighthouse lit?');
      const trace = await made.api.expect(200, 'GET', `/v1/queries/${id}/trace`);
      expect(trace).toMatchObject({ query_id: id, object: 'query_trace', removed_marks: 1 });
      expect(trace.chunk_ids).toEqual(sources.map(({ chunk_id }: Json) => chunk_id));
      expect(trace.prompt_hash).toMatch(/^[0-9a-f]{64}$/);
      expect(trace.searches[0].hits[0]).toMatchObject({ semantic_rank: 1, fused_score: expect.any(Number) });
      expect(JSON.stringify(trace)).not.toContain('1747');
      const editor = await world().key(made, { role: 'editor' });
      expect((await editor.get(`/v1/queries/${id}/trace`)).status).toBe(403);
    });

    it('is counted by the hour', async () => {
      const made = await home('counted');
      say(quoting('was lit in 1747'));
      const { id, usage } = await ask(made.api, 'When was the lighthouse lit?');
      await made.api.expect(200, 'POST', `/v1/queries/${id}/feedback`, { rating: 4 });
      say(() => 'I do not know.');
      for (const question of ['Who lit it?', 'who lit it? ', 'Why?']) await ask(made.api, question);
      const report = await made.api.expect(200, 'GET', '/v1/analytics/queries');
      const total = report.data.reduce((sum: number, hour: Json) => sum + hour.count, 0);
      expect(total).toBe(4);
      const hour = report.data.find((one: Json) => one.satisfaction.ratings === 1);
      expect(hour).toMatchObject({ routes: { documents: hour.count }, satisfaction: { ratings: 1, average: 4 } });
      expect(hour.latency_ms.p99).toBeGreaterThanOrEqual(hour.latency_ms.p50);
      expect(hour.cost_usd).toBeGreaterThanOrEqual(usage.cost_usd);
      if (report.data.length === 1) expect(hour.no_answer_rate).toBe(0.75);
      expect(report.top_unanswered).toMatchObject([{ question: 'Who lit it?', count: 2 }, { count: 1 }]);
      const admin = await world().key(made, { role: 'admin' });
      const seen = (await admin.expect(200, 'GET', '/v1/analytics/queries')).top_unanswered;
      expect(seen.map(({ question }: Json) => question)).toEqual([undefined, undefined]);
      const path = '/v1/analytics/queries?collection_id=';
      expect((await made.api.expect(200, 'GET', `${path}${made.collectionId}`)).data[0].count).toBeGreaterThan(0);
      expect((await made.api.get(`${path}col_${'0'.repeat(32)}`)).status).toBe(404);
      expect((await made.api.get('/v1/analytics/queries?from=2020-01-01T00:00:00Z')).status).toBe(422);
    });
  });

  describe('a conversation', () => {
    it('puts a follow-up so that it stands alone, and keeps what was said', async () => {
      const { api } = await home('talk');
      const { id } = await api.expect(201, 'POST', '/v1/conversations', { metadata: { from: 'test' } });
      say(quoting('was lit in 1747'));
      const first = await api.expect(200, 'POST', `/v1/conversations/${id}/messages`, {
        content: 'When was the lighthouse at Skagen lit?',
      });
      expect(first).toMatchObject({ question: 'When was the lighthouse at Skagen lit?', conversation_id: id });
      say(quoting('21 metres high'));
      const events = await readEvents(api, `/v1/conversations/${id}/messages`, {
        content: 'How high is it?',
        stream: true,
      });
      const second = events.at(-1)?.data;
      expect(second).toMatchObject({ question: 'How high is the lighthouse at Skagen?', answer: 'So [1].' });
      const prompt = world().cloud.models.chat.requests.findLast(({ messages }) =>
        messages[0]?.text.startsWith('Rewrite'),
      );
      expect(prompt?.messages.at(-1)?.text).toContain('When was the lighthouse at Skagen lit?');
      const shown = await api.expect(200, 'GET', `/v1/conversations/${id}`);
      expect(shown).toMatchObject({
        title: 'When was the lighthouse at Skagen lit?',
        metadata: { from: 'test' },
        messages: [
          { role: 'user', content: 'When was the lighthouse at Skagen lit?', query_id: first.id },
          { role: 'assistant', content: 'So [1].', query_id: first.id },
          { role: 'user', content: 'How high is it?', query_id: second.id },
          { role: 'assistant', content: 'So [1].', query_id: second.id },
        ],
      });
      const { data } = await api.expect(200, 'GET', `/v1/queries?conversation_id=${id}`);
      expect(data.map((one: Json) => one.id)).toEqual([second.id, first.id]);
      expect((await api.expect(200, 'GET', '/v1/conversations')).data).toMatchObject([{ id }]);
    });

    it('is deleted with its messages and questions', async () => {
      const made = await home('deleted talk');
      const { id } = await made.api.expect(201, 'POST', '/v1/conversations', { title: 'Talk' });
      say(quoting('was lit in 1747'));
      await made.api.expect(200, 'POST', `/v1/conversations/${id}/messages`, { content: 'When was it lit?' });
      expect((await made.api.delete(`/v1/conversations/${id}`)).status).toBe(204);
      for (const table of ['conversations', 'messages', 'queries'])
        expect(await world().count(`SELECT count(*) FROM dbrag.${table} WHERE workspace_id = $1`, [made.uuid])).toBe(0);
      const gone = [
        await made.api.get(`/v1/conversations/${id}`),
        await made.api.delete(`/v1/conversations/${id}`),
        await made.api.post(`/v1/conversations/${id}/messages`, { content: 'Still there?' }),
      ];
      expect(gone.map(({ status }) => status)).toEqual([404, 404, 404]);
    });

    it('that is deleted while it is answered keeps nothing; what was bought is metered, and that it was read is in the trail', async () => {
      const made = await home('deleted meanwhile');
      for (const stream of [false, true]) {
        const { id } = await made.api.expect(201, 'POST', '/v1/conversations', {});
        world().cloud.models.chat.answerWith(async () => {
          await made.api.delete(`/v1/conversations/${id}`);
          return 'So [1: "was lit in 1747"].';
        });
        const path = `/v1/conversations/${id}/messages`;
        // Not the same twice: the second would be known, and no model asked.
        const body = { content: `When was it lit, ${stream ? 'in pieces' : 'whole'}?`, stream };
        const answer = stream
          ? (await readEvents(made.api, path, body)).at(-1)?.data
          : await made.api.expect(200, 'POST', path, body);
        expect(answer.answer).toBe('So [1].');
        for (const table of ['conversations', 'messages', 'queries'])
          expect(await world().count(`SELECT count(*) FROM dbrag.${table} WHERE workspace_id = $1`, [made.uuid])).toBe(
            0,
          );
        const metered = `SELECT count(*) FROM dbrag.usage_events WHERE workspace_id = $1 AND operation = 'query' AND completion_tokens > 0`;
        expect(await world().count(metered, [made.uuid])).toBe(stream ? 2 : 1);
        const recorded = `SELECT count(*) FROM dbrag.audit_events WHERE workspace_id = $1 AND action = 'query.ask' AND resource_id = $2`;
        await eventually(
          () => world().count(recorded, [made.uuid, answer.id]),
          (count) => count === 1,
        );
      }
    });

    it('of a narrowed key searches no further, whoever asks in it', async () => {
      const made = await home('narrow talk');
      const other = await made.api.expect(201, 'POST', '/v1/collections', { name: 'other' });
      const narrow = await world().key(made, { role: 'reader', collection_ids: [other.id] });
      const { id } = await narrow.expect(201, 'POST', '/v1/conversations', {});
      say(quoting('was lit in 1747'));
      const answer = await made.api.expect(200, 'POST', `/v1/conversations/${id}/messages`, {
        content: 'When was it lit?',
      });
      expect(answer.sources).toEqual([]);
      expect((await narrow.expect(200, 'GET', `/v1/conversations/${id}`)).messages).toHaveLength(2);
      const wide = await made.api.expect(201, 'POST', '/v1/conversations', {});
      expect((await narrow.get(`/v1/conversations/${wide.id}`)).status).toBe(404);
      expect((await (await world().workspace('far')).api.get(`/v1/conversations/${id}`)).status).toBe(404);
    });
  });
}
