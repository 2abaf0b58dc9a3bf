import { setTimeout as sleep } from 'node:timers/promises';
import { campaign } from '../campaign.ts';
import type { Run } from '../run.ts';

async function keysOf(run: Run): Promise<string[]> {
  return run.world.cache.keys(`*${run.traffic.workspaceId}*`);
}

/** Every key of the workspace holds a list from now on. */
async function makeLists(run: Run): Promise<void> {
  for (const key of await keysOf(run)) await run.world.cache.multi().del(key).lpush(key, 'x').expire(key, 60).exec();
}

export const cache = [
  campaign({
    id: 'F28',
    fault: 'the cache is gone, stands still, is full, is a replica, holds lists where values should be',
    expected: 'everybody goes on without it',
    criteria: 'nothing failed; flushing it changes nothing',
    async run(run) {
      const { redis, cache: direct } = run.world;
      const documents = run.documents(5);
      const warnings = () => run.world.warnings.get('cache failed; going on without') ?? 0;
      for (const [name, harm, heal] of [
        ['gone', () => redis.refuse(), () => redis.pass()],
        ['frozen', () => redis.freeze(), () => redis.pass()],
        ['full', () => direct.config('SET', 'maxmemory', '1'), () => direct.config('SET', 'maxmemory', '0')],
        ['replica', () => direct.call('REPLICAOF', '127.0.0.1', '1'), () => direct.call('REPLICAOF', 'NO', 'ONE')],
      ] as const) {
        const before = warnings();
        await harm();
        const began = performance.now();
        await run.traffic.post(documents);
        await sleep(run.outage(10) * 1_000);
        const warned = await run.until(() => warnings() > before, 15);
        await heal();
        run.expect(name, `${((performance.now() - began) / 1_000).toFixed(1)} s`, warned);
      }
      await run.rest();
      await makeLists(run);
      const [known] = run.traffic.accepted.values();
      // The same texts in another document: looked up, found to be no values, and bought.
      await run.traffic.postOne({ content: known?.content as string });
      await run.rest();
      await direct.flushall();
    },
  }),
  campaign({
    id: 'F29',
    fault: 'cached vectors are cut, of another size, of another text, or not finite',
    expected: 'such an entry is a miss, and is bought and written again',
    criteria: 'every stored vector is that of its text',
    async run(run) {
      const documents = await run.traffic.post(run.documents(4));
      await run.rest();
      const { cache: direct, models } = run.world;
      const keys = await keysOf(run);
      const values = await Promise.all(keys.map((key) => direct.getBuffer(key)));
      for (const [at, key] of keys.entries()) {
        const own = values[at] ?? Buffer.alloc(0);
        const other = values[(at + 1) % values.length] ?? own;
        const spoilt = [
          own.subarray(0, own.length / 2),
          Buffer.concat([own, own]),
          other,
          Buffer.alloc(own.length, 0xff),
        ];
        await direct.set(key, spoilt[at % spoilt.length] as Buffer, 'EX', 600);
      }
      const before = models.ledger.snapshot().inputs;
      for (const { content } of documents) await run.traffic.postOne({ content: content as string });
      run.afterwards(async () => {
        run.expect('entries spoilt', keys.length, keys.length > 0);
        const again = models.ledger.snapshot().inputs - before;
        run.expect('bought again', again, again >= keys.length);
      });
    },
  }),
];
