import { setTimeout as sleep } from 'node:timers/promises';
import type { Accepted, Traffic } from '../faults/traffic.ts';

/** One request, and when it was sent and ended, in milliseconds of `performance.now()`. */
export interface Sample {
  readonly from: number;
  readonly until: number;
  /** Answered, and not with 5xx. A refusal by a limit is an answer. */
  readonly available: boolean;
}

const pauses = { search: 250, question: 1_500, post: 700, removal: 9_000 };
/** Every so many posts are new versions of a document that is there, or files of the bucket. */
const every = { version: 4, file: 6 };

/** What people do, mixed, until `ends`; looks are counted, changes are asked again until they are accepted. */
export async function mixedTraffic(traffic: Traffic, ends: number, random: () => number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const posted: Accepted[] = [];
  const loop = async (pause: number, act: () => Promise<unknown>): Promise<void> => {
    while (performance.now() < ends) {
      await act();
      await sleep(pause * (0.5 + random()));
    }
  };
  const look = async (path: string, body: object): Promise<void> => {
    const from = performance.now();
    const status = await traffic.api.request('POST', path, { body }).then(
      (answer) => answer.status,
      () => 0,
    );
    samples.push({ from, until: performance.now(), available: status > 0 && status < 500 });
  };
  let number = 0;
  await Promise.all([
    loop(pauses.search, () => look('/v1/search', { query: `document ${Math.floor(random() * 50)}` })),
    loop(pauses.question, () => look('/v1/queries', { question: `What is document ${Math.floor(random() * 50)}?` })),
    loop(pauses.post, async () => {
      number += 1;
      if (number % every.file === 0)
        return traffic.put(`soak ${number}.md`, `# Soak ${number}\n\nA file of the bucket.`);
      const earlier = number % every.version === 0 ? posted.at(-1) : undefined;
      const document = await traffic.postOne(earlier ? { source: earlier.source } : {});
      if (!earlier) posted.push(document);
    }),
    loop(pauses.removal, async () => {
      const oldest = posted.shift();
      // The newest version of its source is what is deleted, and what is judged.
      if (oldest) await traffic.remove(traffic.accepted.get(oldest.source) ?? oldest);
    }),
  ]);
  return samples;
}
