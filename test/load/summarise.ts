import { percentile } from '../bench/statistics.ts';
import { kinds } from './requests.ts';
import type { Sample } from './users.ts';

export interface Summary {
  readonly requests: number;
  readonly perSecond: number;
  /** Milliseconds, of what was answered 2xx: all kinds but questions, and questions. */
  readonly p95: number;
  readonly p95OfQueries: number;
  /** By kind: how many, p50, p95. */
  readonly byKind: readonly (readonly [kind: string, count: number, p50: number, p95: number])[];
  readonly limited: number;
  readonly broken: number;
  /** Every other answer that is no success, and what broke, as a share of all but the limited. */
  readonly errorShare: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Of the answers that say so. A known result never asks for its vector, which counts as known. */
  readonly embeddingHits: number;
  readonly resultHits: number;
  /** Documents taken in, by either way. */
  readonly documents: number;
}

export function summarise(samples: readonly Sample[], seconds: number): Summary {
  const succeeded = samples.filter(({ status }) => status >= 200 && status < 300);
  const times = (chosen: readonly Sample[]): number[] => chosen.map(({ milliseconds }) => milliseconds);
  const at = (chosen: readonly Sample[], share: number): number =>
    chosen.length === 0 ? Number.NaN : percentile(times(chosen), share);
  const limited = samples.filter(({ status }) => status === 429).length;
  const failed = samples.length - succeeded.length - limited;
  const share = (known: readonly (boolean | undefined)[]): number => {
    const told = known.filter((each) => each !== undefined);
    return told.filter(Boolean).length / Math.max(1, told.length);
  };
  return {
    requests: samples.length,
    perSecond: samples.length / seconds,
    p95: at(
      succeeded.filter(({ kind }) => kind !== 'query'),
      0.95,
    ),
    p95OfQueries: at(
      succeeded.filter(({ kind }) => kind === 'query'),
      0.95,
    ),
    byKind: kinds.map((kind) => {
      const those = succeeded.filter((each) => each.kind === kind);
      return [kind, those.length, at(those, 0.5), at(those, 0.95)] as const;
    }),
    limited,
    broken: samples.filter(({ status }) => status === 0).length,
    errorShare: failed / Math.max(1, samples.length - limited),
    statuses: Object.fromEntries(
      [...Map.groupBy(samples, ({ status }) => status)].map(([status, those]) => [status, those.length]),
    ),
    embeddingHits: share(
      samples.map(({ embeddingHit, resultHit }) =>
        embeddingHit === undefined ? undefined : embeddingHit || resultHit,
      ),
    ),
    resultHits: share(samples.map(({ resultHit }) => resultHit)),
    documents: succeeded.filter(({ kind }) => kind === 'document' || kind === 'upload').length,
  };
}
