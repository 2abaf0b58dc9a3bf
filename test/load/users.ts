import { setTimeout as sleep } from 'node:timers/promises';
import type { Kind, Requests } from './requests.ts';

export interface Sample {
  readonly kind: Kind;
  /** 0 where the connection broke. */
  readonly status: number;
  readonly milliseconds: number;
  /** Whether the question's vector, and the result, were known; undefined where the answer does not say. */
  readonly embeddingHit: boolean | undefined;
  readonly resultHit: boolean | undefined;
}

export interface UserSettings {
  readonly users: number;
  readonly seconds: number;
  /** From the begin of a user's request to the begin of their next. */
  readonly intervalSeconds: number;
  readonly next: () => Requests;
}

/**
 * So many users at once, each with one request an interval, begun evenly over it. Whoever still waits when the next is due begins it
 * when the answer is there: people do not ask twice at once.
 */
export async function runUsers({ users, seconds, intervalSeconds, next }: UserSettings): Promise<Sample[]> {
  const samples: Sample[] = [];
  const began = performance.now();
  const ends = began + seconds * 1_000;
  const user = async (number: number): Promise<void> => {
    let due = began + (number / users) * intervalSeconds * 1_000;
    for (;;) {
      await sleep(Math.max(0, due - performance.now()));
      if (performance.now() >= ends) return;
      samples.push(await sample(next()));
      due = Math.max(due + intervalSeconds * 1_000, performance.now());
    }
  };
  await Promise.all(Array.from({ length: users }, (_, number) => user(number)));
  return samples;
}

async function sample({ kind, send }: Requests): Promise<Sample> {
  const began = performance.now();
  try {
    const { status, body, milliseconds } = await send();
    return { kind, status, milliseconds, ...hits(kind, status, body) };
  } catch {
    return { kind, status: 0, milliseconds: performance.now() - began, embeddingHit: undefined, resultHit: undefined };
  }
}

function hits(kind: Kind, status: number, body: string): Pick<Sample, 'embeddingHit' | 'resultHit'> {
  if (status !== 200 || (kind !== 'search' && kind !== 'query'))
    return { embeddingHit: undefined, resultHit: undefined };
  const { cache } = JSON.parse(body) as { cache?: { embedding: string; result: string } };
  return { embeddingHit: cache && cache.embedding === 'hit', resultHit: cache && cache.result === 'hit' };
}
