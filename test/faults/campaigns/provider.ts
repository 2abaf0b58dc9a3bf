import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultKind } from '../../support/fake-model-server/faults.ts';
import { campaign } from '../campaign.ts';
import type { Run } from '../run.ts';

const requestsOf = (run: Run): number => run.world.models.ledger.snapshot().requests.embeddings;

/** Within a minute after an outage work goes on at nine tenths of its usual pace at least. */
const noticedWithinSeconds = 60;
const drainShare = 0.9;

async function isReady(run: Run, documents: number): Promise<boolean> {
  const sql = `SELECT count(*) FROM dbrag.document_versions WHERE workspace_id = $1 AND status = 'ready'`;
  return (await run.count(sql)) >= documents;
}

export const provider = [
  campaign({
    id: 'F13',
    fault: 'the provider answers 429 with a Retry-After of seconds',
    expected: 'short waits are waited for, longer ones become a row that waits and a delayed nudge',
    criteria: 'at most 12 requests while told to wait; nothing failed; no dead letter',
    async run(run) {
      const { models } = run.world;
      models.faults.next('429', { 'retry-after': '1' }, 3, 'embeddings');
      await run.traffic.post(run.documents(6));
      await sleep(2_500);
      models.faults.setRules([
        { kind: '429', rate: 1, on: 'embeddings', options: { 'retry-after': run.settings.long ? '120' : '20' } },
      ]);
      await run.traffic.post(run.documents(6));
      const before = requestsOf(run);
      await sleep(Math.max(4, run.outage(120)) * 1_000);
      const asked = requestsOf(run) - before;
      run.expect('requests while told to wait', asked, asked <= 12);
    },
  }),
  campaign({
    id: 'F14',
    fault: 'the key is refused (401), the quota is used up',
    expected: 'no document fails for it: all wait, and the provider is left alone',
    criteria: 'few requests while it lasts; nothing failed',
    async run(run) {
      const { models } = run.world;
      for (const kind of ['401', 'insufficient-quota'] as const) {
        models.faults.setRules([{ kind, rate: 1, on: 'embeddings' }]);
        await run.traffic.post(run.documents(5));
        await sleep(2_000);
        const before = requestsOf(run);
        await sleep(Math.max(4, run.outage(60)) * 1_000);
        const asked = requestsOf(run) - before;
        run.expect(`requests under ${kind}`, asked, asked <= 3);
        const failed = await run.count(
          `SELECT count(*) FROM dbrag.document_versions WHERE workspace_id = $1 AND status = 'failed'`,
        );
        run.expect('failed', failed, failed === 0);
      }
    },
  }),
  campaign({
    id: 'F15',
    fault: 'the provider is down (503 to everything), then up again',
    expected: 'work waits; it goes on when the provider does',
    criteria: 'nothing failed; everything ready, within a minute at nine tenths of the usual pace',
    async run(run) {
      const documents = run.documents(12);
      // The usual pace is that of a model which is well: a circuit that was opened before is closed by work alone.
      await run.traffic.post(2);
      await run.rest();
      const began = performance.now();
      await run.traffic.post(documents);
      await run.until(() => isReady(run, 2 + documents), 600);
      const ordinarily = (performance.now() - began) / 1_000;
      run.world.models.faults.setRules([{ kind: '503', rate: 1, on: 'embeddings' }]);
      const before = requestsOf(run);
      await run.traffic.post(documents);
      await sleep(run.outage(160) * 1_000);
      run.note('requests while down', requestsOf(run) - before);
      run.world.models.faults.clear();
      const back = performance.now();
      const most = noticedWithinSeconds + ordinarily / drainShare;
      const drained = await run.until(() => isReady(run, 2 + 2 * documents), most);
      run.note('ready before', `${ordinarily.toFixed(1)} s`);
      run.expect('ready after the outage', `${((performance.now() - back) / 1_000).toFixed(1)} s`, drained);
    },
  }),
  campaign({
    id: 'F16',
    fault: 'the provider hangs before or in the middle of an answer',
    expected: 'each call ends within the time of its invocation, and is made again',
    criteria: 'nothing failed',
    async run(run) {
      for (const [kind, options] of [
        ['hang', {}],
        ['hang-body', {}],
        ['slow', { ms: '3000' }],
      ] as const) {
        run.world.models.faults.next(kind, options, 1, 'embeddings');
        const began = performance.now();
        await run.traffic.post(run.documents(2));
        const struck = await run.until(() => run.providerFaults(kind) > 0, 20);
        // The rest of the time of an invocation of the test stage.
        const free = await run.until(() => run.world.models.ledger.snapshot().concurrency === 0, 6);
        run.expect(kind, `${((performance.now() - began) / 1_000).toFixed(1)} s`, struck && free);
        await run.rest();
      }
    },
  }),
  campaign({
    id: 'F17',
    fault: 'the provider did the work and the connection broke',
    expected: 'it is asked again; each vector is metered once',
    criteria: 'bought again is only what was lost',
    async run(run) {
      run.world.models.faults.next('reset-after-processing', {}, 2, 'embeddings');
      await run.traffic.post(run.documents(12));
      await run.until(() => run.providerFaults('reset-after-processing') === 2, 20);
      run.afterwards(async () => {
        const { repeatedTexts, distinctTexts } = run.world.models.ledger.snapshot();
        const lost = run.providerFaults('reset-after-processing');
        run.expect('answers lost', lost, lost === 2);
        run.note('texts bought twice', `${repeatedTexts} of ${distinctTexts}`);
      });
    },
  }),
  campaign({
    id: 'F18',
    fault: 'answers with wrong counts, order, sizes, and vectors that are none',
    expected: 'mapped by index, checked, and asked again; nothing wrong is stored',
    criteria: 'every stored vector is that of its text',
    async run(run) {
      const kinds: readonly FaultKind[] = [
        ...(['shuffled', 'missing-one', 'extra-one', 'duplicate-index', 'wrong-dimension'] as const),
        ...(['nan', 'null-vector', 'zero-vector', 'truncated-json', 'wrong-content-type', 'usage-missing'] as const),
      ];
      for (const kind of kinds) {
        run.world.models.faults.next(kind, {}, 1, 'embeddings');
        await run.traffic.post(2);
        await run.until(() => run.providerFaults(kind) > 0, 10);
      }
      run.afterwards(async () => {
        const struck = Object.keys(run.world.models.ledger.snapshot().faults).length;
        run.expect('kinds of answers', `${struck} of ${kinds.length}`, struck >= kinds.length - 2);
      });
    },
  }),
  campaign({
    id: 'F19',
    fault: 'a document of more than 2,048 chunks, and 100,000 characters without a break (F27 too)',
    expected: 'packed within 2,048 inputs and 300,000 tokens; stored by arrays, not by parameters',
    criteria: 'the provider refuses nothing; all chunks there',
    async run(run) {
      const paragraph = (at: number): string =>
        `## ${at}\n\n${`Sentence ${at} of a long book has some words. `.repeat(13)}`;
      const book = Array.from({ length: run.settings.long ? 4_200 : 2_100 }, (_, at) => paragraph(at)).join('\n\n');
      await run.traffic.postOne({ name: 'book.md', content: book });
      await run.traffic.postOne({ name: 'run.txt', content: 'x'.repeat(100_000), contentType: 'text/plain' });
      run.afterwards(async () => {
        const { refusals, requests } = run.world.models.ledger.snapshot();
        run.expect('refusals', refusals.length, refusals.length === 0);
        run.note('requests', requests.embeddings);
        const chunks = await run.count('SELECT max(chunks) FROM dbrag.document_versions WHERE workspace_id = $1');
        run.expect('chunks', chunks, chunks > 2_048);
      });
    },
  }),
];
