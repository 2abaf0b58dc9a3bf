/**
 * `npm run bench:growth [-- --chunks 10000,100000,300000 --requests 400 --repeats 3]`: how the time of a warm search grows with the chunks of its workspace.
 * The bundled handler in a process of its own, as in `bench:search`, over one corpus after the other, and over all of them again; the median of each
 * kind of search, and the largest over the smallest.
 */
import { parseArgs } from 'node:util';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import { startRuntime } from '../support/runtime-interface.ts';
import { bodyOf, gatewayEvent } from '../support/runtime-interface-event.ts';
import { questions } from './search-corpus.ts';
import { startSearchWorld } from './search-world.ts';
import { median, report } from './statistics.ts';

const { values } = parseArgs({
  options: {
    chunks: { type: 'string', default: '10000,100000,300000' },
    requests: { type: 'string', default: '400' },
    repeats: { type: 'string', default: '3' },
  },
});
const sizes = values.chunks.split(',').map(Number);
const [requests, repeats] = [Number(values.requests), Number(values.repeats)];
const modes = ['semantic', 'keyword', 'hybrid'] as const;
type Mode = (typeof modes)[number];
const asked = questions(200);
const limit = 10;
/** Thirty times the chunks may cost so much more: an index that is walked, not rows that are compared one by one. */
const mostGrowth = 3;

/** @returns medians in milliseconds, as the runtime interface sees them */
async function measure(chunks: number): Promise<Record<Mode, number>> {
  const world = await startSearchWorld(chunks);
  const variables = world.cloud.variablesOf('http/api.handler');
  // What is measured is the search, not what keeps its results.
  const settings = { ...JSON.parse(variables[names.cacheSettings] as string), queryTtl: 0 };
  const runtime = await startRuntime({ variables: { ...variables, [names.cacheSettings]: JSON.stringify(settings) } });
  const search = async (mode: Mode, at: number): Promise<number> => {
    const query = asked[at % asked.length] as string;
    const { payload, milliseconds } = await runtime.invoke(
      gatewayEvent('POST', '/v1/search', world.apiKey, { query, mode, limit }),
    );
    const { data } = bodyOf<{ data: unknown[] }>(payload);
    if (data.length !== limit) throw new Error(`${mode} found ${data.length} hits among ${chunks} chunks`);
    return milliseconds;
  };
  const times: Record<Mode, number[]> = { semantic: [], keyword: [], hybrid: [] };
  for (const mode of modes) for (let at = 0; at < asked.length; at++) await search(mode, at);
  for (let at = 0; at < requests; at++) for (const mode of modes) times[mode].push(await search(mode, at));
  await runtime.close();
  await world.close();
  return { semantic: median(times.semantic), keyword: median(times.keyword), hybrid: median(times.hybrid) };
}

/** By repeat, then by size: all sizes in each, so that whatever the machine does meanwhile falls on all alike. */
const found: Record<Mode, number>[][] = [];
for (let repeat = 0; repeat < repeats; repeat += 1) {
  const ofRepeat: Record<Mode, number>[] = [];
  for (const chunks of sizes) ofRepeat.push(await measure(chunks));
  found.push(ofRepeat);
}
for (const mode of modes) {
  const medians = sizes.map((_, at) => median(found.map((ofRepeat) => ofRepeat[at]?.[mode] as number)));
  const growths = found.map((ofRepeat) => (ofRepeat.at(-1)?.[mode] as number) / (ofRepeat[0]?.[mode] as number));
  const growth = median(growths);
  report(`${mode}: p50 at ${sizes.join(' | ')} chunks`, `${medians.map((each) => each.toFixed(2)).join(' | ')} ms`);
  report(`${mode}: largest over smallest`, `${growth.toFixed(2)}  (${growths.map((each) => each.toFixed(2))})`, {
    text: `<= ${mostGrowth}`,
    met: growth <= mostGrowth,
  });
}
process.exit();
