import { campaign } from '../campaign.ts';
import type { Run } from '../run.ts';

/** Where a worker may die, and how many passes one document makes there, about. */
const workerFailpoints = [
  { handler: 'queue/ingest-document', name: 'worker.after_receive' },
  { handler: 'queue/ingest-document', name: 'worker.after_claim' },
  { handler: 'queue/ingest-document', name: 'worker.after_download' },
  { handler: 'queue/ingest-document', name: 'worker.after_parse' },
  { handler: 'queue/ingest-document', name: 'worker.before_commit' },
  { handler: 'queue/ingest-document', name: 'worker.mid_chunk_insert' },
  { handler: 'queue/ingest-document', name: 'worker.after_commit_before_ack' },
  { handler: 'queue/ingest-document', name: 'worker.after_send' },
  { handler: 'queue/embed-chunks', name: 'worker.after_receive' },
  { handler: 'queue/embed-chunks', name: 'worker.after_claim' },
  { handler: 'queue/embed-chunks', name: 'worker.after_embed_call' },
  { handler: 'queue/embed-chunks', name: 'worker.after_cache_write' },
  { handler: 'queue/embed-chunks', name: 'worker.before_commit' },
  { handler: 'queue/embed-chunks', name: 'worker.before_swap' },
  { handler: 'queue/embed-chunks', name: 'worker.after_commit_before_ack' },
] as const;

/** Arms one death at each failpoint, twenty in a long run, spread over the passes to come. */
function armDeaths(run: Run, failpoints: readonly { handler: string; name: string }[], action: 'kill' | 'throw') {
  const times = run.settings.long ? 20 : 1;
  return failpoints.map((failpoint) => {
    const passes = Array.from({ length: times }, (_, at) => 1 + at * 8 + run.between(0, 2));
    return run.arm({ ...failpoint, action, passes });
  });
}

const withoutDeath = (armed: readonly { rule: { name: string; handler?: string }; struck: number }[]): string =>
  armed
    .filter(({ struck }) => struck === 0)
    .map(({ rule }) => `${rule.handler} ${rule.name}`)
    .join(' ') || 'none';

export const deaths = [
  campaign({
    id: 'F08',
    fault: 'workers are killed (SIGKILL) at every failpoint',
    expected: 'the message comes again after its visibility, and another goes on or begins anew',
    criteria: 'every failpoint struck; nothing failed',
    async run(run) {
      const armed = armDeaths(run, workerFailpoints, 'kill');
      // In waves, so that the last failpoints are passed often enough as well.
      for (let wave = 0; wave < 4; wave++) await run.traffic.post(run.documents(15));
      const kills = () => armed.reduce((sum, { struck }) => sum + struck, 0);
      run.afterwards(async () => {
        const missed = withoutDeath(armed);
        run.expect('failpoints without a kill', missed, missed === 'none');
        run.note('kills', kills());
        run.note('spend/ledger', (await run.spendOverLedger()).toFixed(2));
      });
      await waitForAll(run, armed);
    },
  }),
];

/** Keeps posting until every failpoint was struck. */
async function waitForAll(
  run: Run,
  armed: readonly { struck: number; rule: { passes: readonly number[] } }[],
): Promise<void> {
  const until = performance.now() + (run.settings.long ? 600_000 : 40_000);
  while (armed.some(({ struck, rule }) => struck < rule.passes.length) && performance.now() < until) {
    await run.traffic.post(2);
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
}
