import { beforeAll, describe, expect, it } from 'vitest';
import { endOfJob, eventually, type Json } from '../../support/api-client.ts';
import type { World } from './world.ts';

/** What somebody who watches sees of a document and of a question: metrics under the names of the field, and one trace through all. */
export function watchingSuite(world: World): void {
  describe('watching', () => {
    const page = async (path: string) => (await fetch(`${world().cloud.url}${path}`)).text();
    /** Sum of the samples of a metric whose labels match. */
    const sumOf = (text: string, name: string, labels = '') =>
      text
        .split('\n')
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .filter((line) => line.includes(labels))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
    const logLines = (message: string): Json[] =>
      world()
        .cloud.lines.filter((line) => line.includes(`"message":"${message}"`))
        .map((line) => JSON.parse(line.slice(line.indexOf('{'))));

    beforeAll(() => world().cloud.models.chat.answerWith(() => 'It is high [1: "metres high"].'));

    it('follows a document and a question', async () => {
      const home = await world().workspace('watched');
      const before = await page('/metrics');
      const posted = await home.api.expect(202, 'POST', '/v1/documents', {
        collection_id: home.collectionId,
        name: 'watched.txt',
        content: 'The lighthouse of Eddystone is 49 metres high.',
      });
      expect(await endOfJob(home.api, posted.job.id)).toMatchObject({ status: 'succeeded' });
      const search = { query: 'How high is the lighthouse of Eddystone?' };
      await home.api.expect(200, 'POST', '/v1/search', search);
      await home.api.expect(200, 'POST', '/v1/search', search);
      const query = await home.api.expect(200, 'POST', '/v1/queries', { question: search.query });
      await home.api.expect(200, 'POST', `/v1/queries/${query.id}/feedback`, { rating: 4 });
      const grown = (text: string, name: string, labels = '') =>
        sumOf(text, name, labels) - sumOf(before, name, labels);
      const after = await eventually(
        () => page('/metrics'),
        (text) => grown(text, 'dbrag_query_rating_count') >= 1,
      );
      for (const [name, labels] of [
        ['embedding_requests_total', 'cache_hit="false"'],
        ['embedding_generation_seconds_count', 'service="embed-chunks"'],
        ['rag_search_latency_seconds_count', 'stage="embed_question"'],
        ['rag_search_latency_seconds_count', 'stage="response_generation"'],
        ['vector_search_seconds_count', ''],
        ['llm_tokens_used_total', 'model="gpt-5.4-mini"'],
        ['llm_tokens_used_total', 'model="text-embedding-3-small"'],
      ] as const)
        expect(grown(after, name, labels), `${name} ${labels}`).toBeGreaterThan(0);
      for (const kind of ['question', 'chunk', 'search', 'answer']) {
        expect(after).toContain(`\ncache_hit_rate{cache_type="${kind}"} `);
        expect(sumOf(after, 'cache_hit_rate', `cache_type="${kind}"`), kind).toBeLessThanOrEqual(1);
      }
      expect(sumOf(after, 'cost_per_query')).toBeGreaterThan(0);
      expect(sumOf(after, 'user_satisfaction_score')).toBeGreaterThanOrEqual(1);
      expect(after).toMatch(/^file_processing_queue_size\{queue="ingest-default"\} \d+$/m);
      // Nobody's workspace is a series of its own.
      expect(after).not.toContain(home.id);
    });

    it('links what a worker does to the request that asked for it, and draws the stages of an answer', async () => {
      const home = await world().workspace('traced');
      const posted = await home.api.expect(202, 'POST', '/v1/documents', {
        collection_id: home.collectionId,
        name: 'traced.txt',
        content: 'The lighthouse of Bell Rock is 35 metres high.',
      });
      await endOfJob(home.api, posted.job.id);
      const id = posted.document.id;
      const ingested = await eventually(
        async () =>
          logLines('document ingested').find(({ document }) => document.documentId && publicOf(document) === id),
        (line) => line !== undefined,
      );
      const request = logLines('request answered').find(({ request_id }) => request_id === ingested.request_id);
      expect(request.xray_trace_id).toMatch(/^1-[0-9a-f]{8}-[0-9a-f]{24}$/);
      expect(ingested.cause_trace_id).toBe(request.xray_trace_id);

      await home.api.expect(200, 'POST', '/v1/queries', { question: 'How high is the lighthouse of Bell Rock?' });
      const asked = logLines('request answered').findLast(({ path }) => path === '/v1/queries');
      const trace = await eventually(
        async () =>
          (JSON.parse(await page('/traces')) as Json[]).find(({ trace_id }) => trace_id === asked.xray_trace_id),
        (found) => found !== undefined,
      );
      expect(trace.segments.map(({ name }: Json) => name)).toEqual(
        expect.arrayContaining(['embed_question', 'vector_search', 'response_generation']),
      );
      for (const { fault, milliseconds } of trace.segments) expect([fault, milliseconds >= 0]).toEqual([false, true]);
    });
  });
}

/** Log lines say documents by their UUID. */
const publicOf = ({ documentId }: Json): string => `doc_${String(documentId).replaceAll('-', '')}`;
