/**
 * `npm run test:faults [-- --seed N] [--documents 500] [--only F08,F20 | --from F20] [--long] [--worlds 2] [--list]`: every fault of
 * docs/reliability.md that one machine can show, against the whole system of the `test` stage on native engines, with the checker after
 * each campaign. Most of a campaign is waiting, so that two worlds, each with engines of its own, take them by turns. Exits with 1 when
 * anything is lost, doubled or stuck, and says under which seed.
 */
import { parseArgs } from 'node:util';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { campaigns } from './campaigns/index.ts';
import { describe, headline, table } from './report.ts';
import { type Outcome, runCampaign } from './run-campaign.ts';
import { startWorld } from './world.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    documents: { type: 'string', default: '500' },
    only: { type: 'string' },
    from: { type: 'string' },
    long: { type: 'boolean', default: false },
    /** Whole systems beside each other. */
    worlds: { type: 'string', default: '2' },
    list: { type: 'boolean', default: false },
  },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const settings = { seed, documents: Number(values.documents), long: values.long };
const wanted = values.only?.split(',');
const first = values.from === undefined ? 0 : campaigns.findIndex(({ id }) => id === values.from);
if (first < 0) throw new Error(`There is no campaign ${values.from}.`);
const chosen = campaigns
  .map((campaign, order) => ({ campaign, order }))
  .filter(({ campaign, order }) => order >= first && (wanted?.includes(campaign.id) ?? true));
const unknown = wanted?.filter((id) => !campaigns.some((campaign) => campaign.id === id)) ?? [];
if (unknown.length > 0) throw new Error(`There is no campaign ${unknown.join(', ')}.`);
const worldsWanted = Number(values.worlds);
if (!Number.isInteger(worldsWanted) || worldsWanted < 1)
  throw new Error(`--worlds is a whole number from 1, not ${values.worlds}.`);
if (values.list) {
  for (const { campaign } of chosen) process.stdout.write(describe(campaign));
  process.exit(0);
}

const began = performance.now();
// Made once, and not by each world.
await assemblyOf('test');
const names = Array.from({ length: Math.min(worldsWanted, chosen.length) }, (_, at) => `faults-${at + 1}`);
const worlds = await Promise.all(names.map((name) => startWorld(name, seed, settings.long)));
process.stdout.write(headline(settings, worlds.length, (performance.now() - began) / 1_000));
const outcomes: Outcome[] = [];
const left = [...chosen];
await Promise.all(
  worlds.map(async (world) => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const outcome = await runCampaign(world, settings, next.campaign, next.order);
      outcomes.push(outcome);
      process.stdout.write(table([outcome]));
    }
  }),
);
const passed = outcomes.length === chosen.length && outcomes.every((outcome) => outcome.passed);
const seconds = (performance.now() - began) / 1_000;
process.stdout.write(
  `\n${outcomes.filter((one) => one.passed).length} of ${outcomes.length} campaigns passed in ${seconds.toFixed(0)} s\n`,
);
if (!passed) {
  for (const { campaign } of outcomes.filter((one) => !one.passed))
    process.stdout.write(`FAILED ${campaign.id} ${campaign.fault}\n`);
  process.stdout.write(
    `again: npm run test:faults -- --seed ${seed} --documents ${settings.documents}; logs: ${worlds.map(({ logFile }) => logFile).join(' ')}\n`,
  );
}
await Promise.all(worlds.map((world) => world.close()));
process.exit(passed ? 0 : 1);
