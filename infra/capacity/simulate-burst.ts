import type { StageSettings } from '../stage-settings.ts';
import { totalOf, workConcurrency } from '../work-concurrency.ts';
import { assumed, limits, measured } from './measured.ts';
import { firstUsedUp, type Load, partsOf } from './parts.ts';

/** How a stage gets through a while in which more comes than it can do. */
export interface Burst {
  /** Searches a second that come, that it can do, and that it did. */
  readonly offered: number;
  readonly capacity: number;
  readonly served: number;
  /** Of what it can do. */
  readonly goodput: number;
  /** The longest that a served search waited, in seconds. */
  readonly longestWait: number;
}

export interface Shedding {
  /** A request that would wait longer is refused at once; null: all wait. */
  readonly longestWait: number | null;
  /** A user who has waited longer has left: the search is then wasted. */
  readonly patience: number;
}

const stepSeconds = 0.1;

/** Searches a second that the part that is used up first allows for. */
export function searchCapacity(stage: StageSettings, chunks: number): number {
  const one: Load = { name: 'one', chunks, searchesPerSecond: 1, answersPerSecond: 0, documentsPerSecond: 0 };
  const perSearch = partsOf(stage, one).filter(({ name }) => name !== 'memory for vectors');
  return firstUsedUp(perSearch).headroom;
}

/**
 * A queue before a server, in steps of a tenth of a second: a burst of `times` what can be done, for `seconds`. Without shedding the
 * queue grows until everybody in it has left before their turn; then all work is wasted.
 */
export function simulateBurst(
  capacity: number,
  times: number,
  seconds: number,
  { longestWait, patience }: Shedding,
): Burst {
  const offered = capacity * times;
  const line: { since: number; searches: number }[] = [];
  let waiting = 0;
  let served = 0;
  let longest = 0;
  const steps = Math.round(seconds / stepSeconds);
  for (let step = 0; step < steps; step += 1) {
    const now = step * stepSeconds;
    let room = capacity * stepSeconds;
    const coming = offered * stepSeconds;
    const admitted =
      longestWait === null ? coming : Math.min(coming, Math.max(0, capacity * longestWait - waiting + room));
    room -= Math.min(room, (coming - admitted) * assumed.costOfRefusal);
    line.push({ since: now, searches: admitted });
    waiting += admitted;
    while (room > 0 && line[0]) {
      const [first] = line;
      const done = Math.min(room, first.searches);
      const waited = now - first.since;
      if (waited <= patience) {
        served += done;
        longest = Math.max(longest, waited);
      }
      room -= done;
      waiting -= done;
      first.searches -= done;
      if (first.searches <= 1e-9) line.shift();
    }
  }
  const rate = served / seconds;
  return { offered, capacity, served: rate, goodput: rate / capacity, longestWait: longest };
}

/** Seconds until what was posted at once is ready, by the slowest of its stations. */
export function secondsToIngest(
  stage: StageSettings,
  documents: number,
): { readonly seconds: number; readonly station: string } {
  const { database, models } = stage;
  const { ingest, embed } = workConcurrency(stage);
  const stations = [
    { station: 'ingest workers', rate: totalOf(ingest) / assumed.ingestFunctionSeconds },
    { station: 'embed workers', rate: totalOf(embed) / assumed.embedFunctionSeconds },
    {
      station: 'writer, cores',
      rate: (database.capacity.maximum * limits.coresOfUnit * limits.busyShare) / measured.documentDatabaseSeconds,
    },
    {
      station: 'embedding model, tokens',
      rate: (models.tokensPerMinute ?? limits.modelTokensPerMinute) / 60 / assumed.tokensOfDocument,
    },
  ];
  const slowest = stations.reduce((least, each) => (each.rate < least.rate ? each : least));
  return { seconds: documents / slowest.rate, station: slowest.station };
}
