/**
 * `npm run bench:clients [-- --clients 500 --seconds 60 --chunks 25000]`: many clients at once at the local gateway, each asking again
 * as soon as it has its answer, and after `Retry-After` when it was refused. No answer is a 5xx but for 503 with `Retry-After`; what
 * is accepted is answered soon, what is refused at once.
 */
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { questions } from './search-corpus.ts';
import { startSearchWorld } from './search-world.ts';
import { percentile, report } from './statistics.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '60' },
    chunks: { type: 'string', default: '25000' },
  },
});
const [clients, seconds, chunks] = [values.clients, values.seconds, values.chunks].map(Number) as [
  number,
  number,
  number,
];
const bars = { acceptedMilliseconds: 500, refusedMilliseconds: 50 };

interface Outcome {
  readonly status: number;
  readonly milliseconds: number;
  /** Seconds. */
  readonly retryAfter: number | null;
}

const world = await startSearchWorld(chunks);
const { hostname, port } = new URL(world.cloud.url);
const asked = questions(200);
const agent = new Agent({ keepAlive: true, maxSockets: clients });
const headers = { authorization: `Bearer ${world.apiKey}`, 'content-type': 'application/json' };

function search(query: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const sent = request({ hostname, port, agent, method: 'POST', path: '/v1/search', headers }, (answer) => {
      answer.resume().on('end', () => {
        const after = answer.headers['retry-after'];
        resolve({
          status: answer.statusCode ?? 0,
          milliseconds: performance.now() - started,
          retryAfter: after === undefined ? null : Number(after),
        });
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify({ query, mode: 'semantic' }));
  });
}

const outcomes: Outcome[] = [];
let broken = 0;

async function client(number: number, ends: number): Promise<void> {
  // Not all in the same millisecond: that would measure how fast this process sends.
  await delay((number / clients) * 1_000);
  for (let turn = number; performance.now() < ends; turn++) {
    try {
      const outcome = await search(asked[turn % asked.length] as string);
      outcomes.push(outcome);
      if (outcome.status !== 200) await delay((outcome.retryAfter ?? 1) * 1_000);
    } catch {
      broken += 1;
    }
  }
}

for (const query of asked.slice(0, 50)) await search(query);
const ends = performance.now() + seconds * 1_000;
await Promise.all(Array.from({ length: clients }, (_, number) => client(number, ends)));

const accepted = outcomes.filter(({ status }) => status === 200).map(({ milliseconds }) => milliseconds);
const refused = outcomes.filter(({ status }) => status === 429 || status === 503);
const refusedTimes = refused.map(({ milliseconds }) => milliseconds);
const others = outcomes.length - accepted.length - refused.length;
const silent = refused.filter(({ retryAfter }) => retryAfter === null).length;
report(`${clients} clients, ${seconds} s: accepted | refused`, `${accepted.length} | ${refused.length}`);
report('other answers | broken connections | refusals without Retry-After', `${others} | ${broken} | ${silent}`, {
  text: '0 | 0 | 0',
  met: others + broken + silent === 0,
});
const show = (name: string, times: readonly number[], bar: number): void => {
  const p95 = times.length === 0 ? 0 : percentile(times, 0.95);
  const p50 = times.length === 0 ? 0 : percentile(times, 0.5);
  report(`${name}: p50 | p95`, `${p50.toFixed(1)} | ${p95.toFixed(1)} ms`, { text: `< ${bar} ms`, met: p95 < bar });
};
show('accepted', accepted, bars.acceptedMilliseconds);
show('refused', refusedTimes, bars.refusedMilliseconds);
agent.destroy();
await world.close();
process.exit();
