import { setTimeout as sleep } from 'node:timers/promises';
import { campaign } from '../campaign.ts';
import { workerFailpoints } from '../failpoints.ts';
import type { Run } from '../run.ts';
import type { Accepted } from '../traffic.ts';

/** How long a change may wait for a row that the one who is held has locked. */
const patienceMilliseconds = 400;

/** Holds a worker at each failpoint in turn while something happens to its document. @returns how many were held */
async function atEachFailpoint(run: Run, happens: (document: Accepted) => Promise<unknown>): Promise<number> {
  const rounds = run.settings.long ? 20 : 1;
  let held = 0;
  for (let round = 0; round < rounds; round++) {
    for (const failpoint of workerFailpoints) {
      const hold = run.arm({ ...failpoint, action: 'hold', passes: [1] });
      const document = await run.traffic.postOne();
      const reached = await Promise.race([hold.reached.then(() => true), sleep(4_000, false)]);
      if (reached) held += 1;
      const change = happens(document);
      await Promise.race([change, sleep(patienceMilliseconds)]);
      run.world.failpoints.clear();
      await change;
    }
  }
  return held;
}

export const races = [
  campaign({
    id: 'F33',
    fault:
      'documents, files, a whole collection are deleted while workers stand at each failpoint; deletions are killed',
    expected: 'the deletion wins: whoever is late commits nothing',
    criteria: 'no row, object or debt is left of any',
    async run(run) {
      const times = run.settings.long ? 20 : 1;
      const rounds = Array.from({ length: times }, (_, at) => 1 + 3 * at);
      const kills = (
        [
          ['http/api', 'delete.after_tombstone'],
          ['queue/maintain', 'delete.after_s3'],
          ['queue/maintain', 'delete.before_last_row'],
        ] as const
      ).map(([handler, name]) => run.arm({ handler, name, action: 'kill', passes: rounds }));
      const early = await run.traffic.post(Math.max(4, 4 * times));
      for (const document of early) await run.traffic.remove(document);
      await run.traffic.removeObject(await run.traffic.put('gone.md', '# Gone\n\nSoon.'));
      await sleep(2_000);
      const spared = kills.filter(({ struck }) => struck === 0).map(({ rule }) => rule.name);
      run.expect('deletions not killed at', spared.join(' ') || 'none', spared.length === 0);
      const held = await atEachFailpoint(run, (document) => run.traffic.remove(document));
      run.expect('workers held', held, held >= workerFailpoints.length - 2);
      await run.traffic.post(run.documents(6));
      await run.traffic.removeCollection();
    },
  }),
  campaign({
    id: 'F34',
    fault: 'documents are posted anew while a worker stands at each failpoint of the version before',
    expected: 'the newest version wins; the older run is turned away or overtaken',
    criteria: 'each ends as its last post',
    async run(run) {
      const held = await atEachFailpoint(run, ({ source }) => run.traffic.postOne({ source }));
      run.expect('workers held', held, held >= workerFailpoints.length - 2);
    },
  }),
];
