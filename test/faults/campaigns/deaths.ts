import { setTimeout as sleep } from 'node:timers/promises';
import { deadlyWords } from '../../../shared/ingestion/deadly-text.ts';
import { campaign } from '../campaign.ts';
import type { ArmedFailpoint } from '../failpoint-control.ts';
import { workerFailpoints } from '../failpoints.ts';
import type { Run } from '../run.ts';

/** In a long run every failpoint is struck twenty times. */
const timesOf = (run: Run): number => (run.settings.long ? 20 : 1);

/** So few deaths that no message meets five of them, which would be a dead letter by right. */
const passesBetweenDeaths = 60;

/** Arms deaths at each failpoint, spread over the passes to come. */
function armDeaths(run: Run, failpoints: readonly { handler: string; name: string }[]): readonly ArmedFailpoint[] {
  return failpoints.map((failpoint) => {
    const passes = Array.from({ length: timesOf(run) }, (_, at) => 1 + at * passesBetweenDeaths + run.between(0, 1));
    return run.arm({ ...failpoint, action: 'kill', passes });
  });
}

/** Goes on with the traffic until every failpoint was struck as often as it must be. */
async function strikeAll(run: Run, armed: readonly ArmedFailpoint[], traffic: () => Promise<unknown>): Promise<void> {
  const until = performance.now() + (run.settings.long ? 3_600_000 : 60_000);
  while (armed.some(({ struck }) => struck < timesOf(run)) && performance.now() < until) {
    await traffic();
    await sleep(300);
  }
}

function tellStrikes(run: Run, armed: readonly ArmedFailpoint[]): void {
  const spared = armed.filter(({ struck }) => struck < timesOf(run)).map(({ rule }) => `${rule.handler} ${rule.name}`);
  run.expect('failpoints spared', spared.join(' ') || 'none', spared.length === 0);
  run.note(
    'kills',
    armed.reduce((sum, { struck }) => sum + struck, 0),
  );
}

export const deaths = [
  campaign({
    id: 'F08',
    fault: 'workers are killed (SIGKILL) at every failpoint',
    expected: 'the message comes again after its visibility, and another goes on or begins anew',
    criteria: 'every failpoint struck; nothing failed',
    async run(run) {
      const armed = armDeaths(run, workerFailpoints);
      for (let wave = 0; wave < 4; wave++) await run.traffic.post(run.documents(12));
      await strikeAll(run, armed, () => run.traffic.post(2));
      run.afterwards(async () => {
        tellStrikes(run, armed);
        run.note('spend/ledger', (await run.spendOverLedger()).toFixed(2));
      });
    },
  }),
  campaign({
    id: 'F09',
    fault: 'workers run into their time-out with work half done',
    expected: 'the process is ended, its message comes again, leases end by themselves',
    criteria: 'three time-outs; nothing failed',
    async run(run) {
      // Longer than the time-out of the test stage, which is 5 s.
      const armed = (
        [
          ['queue/ingest-document', 'worker.after_parse'],
          ['queue/embed-chunks', 'worker.after_claim'],
          ['queue/embed-chunks', 'worker.before_commit'],
        ] as const
      ).map(([handler, name]) => run.arm({ handler, name, action: 'freeze', passes: [2], milliseconds: 20_000 }));
      await run.traffic.post(run.documents(8));
      await strikeAll(run, armed, () => run.traffic.post(1));
      await sleep(5_500);
      const timeouts = armed.filter(({ struck }) => struck > 0).length;
      run.expect('time-outs', timeouts, timeouts === armed.length);
    },
  }),
  campaign({
    id: 'F10',
    fault: 'work takes longer than the visibility, a second worker starts',
    expected: 'the fence turns away whoever commits second',
    criteria: 'nothing failed, nothing twice',
    async run(run) {
      run.world.visibility(1);
      const armed = (
        [
          ['queue/ingest-document', 'worker.before_commit'],
          ['queue/embed-chunks', 'worker.before_commit'],
        ] as const
      ).map(([handler, name]) => run.arm({ handler, name, action: 'freeze', passes: [2, 4], milliseconds: 2_500 }));
      await run.traffic.post(run.documents(10));
      await sleep(4_000);
      const overtaken = armed.reduce((sum, { struck }) => sum + struck, 0);
      run.expect('late workers', overtaken, overtaken >= 2);
    },
  }),
  campaign({
    id: 'F11',
    fault: 'one document kills every worker that takes it, another every process that reads its text',
    expected: 'after five receives the dead-letter function writes retries_exhausted; its last version still serves',
    criteria:
      'five deaths; its neighbours are ready; once it kills no more, a retry makes it ready and a second is refused',
    async run(run) {
      run.world.visibility(2);
      const source = 'file:///poison';
      const poison = await run.traffic.postOne({ source });
      await run.rest();
      run.world.visibility(2);
      const kill = run.arm({
        ...{ handler: 'queue/ingest-document', name: 'worker.after_claim', action: 'kill', passes: 'all' },
        ...(poison.documentId === undefined ? {} : { about: poison.documentId }),
      });
      await Promise.all([
        run.traffic.postOne({ source, fate: 'retries_exhausted' }),
        run.traffic.post(run.documents(6)),
      ]);
      await run.until(async () => (await failedVersions(run)) > 0, 40);
      run.expect('deaths', kill.struck, kill.struck === 5);
      // By itself: two of them in one batch would share their deaths.
      const content = `These are it: ${deadlyWords}.`;
      await Promise.all([
        run.traffic.postOne({ name: 'deadly.txt', contentType: 'text/plain', content, fate: 'retries_exhausted' }),
        run.traffic.post(run.documents(4)),
      ]);
      await run.until(async () => (await failedVersions(run)) > 1, 40);
      const live = await run.count(
        `SELECT count(*) FROM dbrag.documents WHERE workspace_id = $1 AND source_uri = $2 AND live_version = 1 AND version = 2`,
        [source],
      );
      run.expect('the version before serves', live, live === 1);
      await retryTwice(run, source);
    },
  }),
  campaign({
    id: 'F38',
    fault: 'all processes stand still between two events while their sockets die',
    expected: 'connections are looked at again; the first event may fail, its message comes again',
    criteria: 'nothing failed',
    async run(run) {
      await run.traffic.post(run.documents(4));
      await run.rest();
      const { world } = run;
      const processIds = world.cloud.lambda.runners.flatMap((runner) => runner.processIds);
      for (const id of processIds) process.kill(id, 'SIGSTOP');
      world.postgres.refuse();
      world.redis.refuse();
      await sleep(run.outage(30) * 1_000);
      world.postgres.pass();
      world.redis.pass();
      for (const id of processIds) process.kill(id, 'SIGCONT');
      run.note('processes', processIds.length);
      await run.traffic.post(run.documents(4));
    },
  }),
];

/** F35 of one that was given up: after the cause is gone a retry completes it, and another changes nothing. */
async function retryTwice(run: Run, source: string): Promise<void> {
  await run.rest();
  const poison = run.traffic.accepted.get(source);
  const retry = () => run.traffic.api.post(`/v1/jobs/${poison?.jobId}/retry`);
  const [first, second] = [await retry(), await retry()];
  run.expect('retries', `${first.status} ${second.status}`, first.status === 202 && second.status === 409);
  if (poison) poison.fate = undefined;
}

const failedVersions = (run: Run): Promise<number> =>
  run.count(`SELECT count(*) FROM dbrag.document_versions WHERE workspace_id = $1 AND status = 'failed'`);
