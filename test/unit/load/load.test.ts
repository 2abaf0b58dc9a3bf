import { describe, expect, it } from 'vitest';
import type { Kind } from '../../load/requests.ts';
import { summarise } from '../../load/summarise.ts';
import { runUsers, type Sample } from '../../load/users.ts';
import { zipf } from '../../load/zipf.ts';
import { seededRandom } from '../../support/database-random.ts';

const answered = (kind: Kind, status: number, milliseconds: number, hit?: boolean): Sample => ({
  ...{ kind, status, milliseconds, embeddingHit: hit, resultHit: hit === undefined ? undefined : false },
});

describe('a load', () => {
  it('asks the first question a hundred times as often as the hundredth', () => {
    const rank = zipf(1_000, seededRandom(1));
    const counts = new Map<number, number>();
    for (let draw = 0; draw < 100_000; draw++) {
      const drawn = rank();
      counts.set(drawn, (counts.get(drawn) ?? 0) + 1);
    }
    expect(Math.max(...counts.keys())).toBeLessThan(1_000);
    expect((counts.get(0) ?? 0) / (counts.get(1) ?? 0)).toBeCloseTo(2, 0);
    expect(counts.get(0)).toBeGreaterThan(50 * (counts.get(99) ?? 0));
  });

  it('counts 429 apart, breaks and other refusals as errors, and times of successes alone', () => {
    const samples = [
      ...Array.from({ length: 96 }, () => answered('search', 200, 10, true)),
      answered('query', 200, 900, false),
      answered('search', 429, 5_000),
      answered('search', 503, 5_000),
      answered('document', 0, 5_000),
      answered('upload', 202, 20),
    ];
    expect(summarise(samples, 10)).toMatchObject({
      requests: 101,
      perSecond: 10.1,
      p95: 10,
      p95OfQueries: 900,
      limited: 1,
      broken: 1,
      errorShare: 2 / 100,
      embeddingHits: 96 / 97,
      documents: 1,
      statuses: { 200: 97, 202: 1, 429: 1, 503: 1, 0: 1 },
    });
  });

  it('has no user ask twice at once', async () => {
    let underWay = 0;
    let most = 0;
    const send = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, 30));
      underWay -= 1;
      return { status: 200, body: '{}', milliseconds: 30 };
    };
    const samples = await runUsers({
      ...{ users: 4, seconds: 0.3, intervalSeconds: 0.01, next: () => ({ kind: 'look', send }) },
    });
    expect(most).toBeLessThanOrEqual(4);
    expect(samples.length).toBeGreaterThan(12);
    expect(samples.length).toBeLessThanOrEqual(4 * 10 + 4);
  });

  it('tells a connection that broke from an answer', async () => {
    const next = () => ({ kind: 'search' as const, send: () => Promise.reject(new Error('ECONNRESET')) });
    const samples = await runUsers({ users: 1, seconds: 0.02, intervalSeconds: 0.01, next });
    expect(samples.every(({ status }) => status === 0)).toBe(true);
    expect(samples.length).toBeGreaterThan(0);
  });
});
