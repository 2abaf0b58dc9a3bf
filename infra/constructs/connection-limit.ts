import type { DatabaseSettings } from '../stage-settings.ts';

/**
 * Connections that Aurora PostgreSQL admits by default, by the maximum capacity units of the cluster ("Maximum connections for Aurora
 * Serverless v2", Aurora User Guide, 2026-11). Between two rows it grows evenly with the memory.
 */
const connectionsByCapacity: readonly (readonly [units: number, connections: number])[] = [
  [1, 189],
  [4, 823],
  [8, 1_669],
  [16, 3_360],
  [32, 5_000],
];
/** A cluster that may shrink to half a unit, or to nothing, is held to this. */
const mostOfSmallestCapacity = 2_000;
const smallestCapacity = 0.5;

/** How many connections one instance of the cluster admits. */
export function connectionLimit({ capacity }: Pick<DatabaseSettings, 'capacity'>): number {
  const most = capacity.minimum <= smallestCapacity ? mostOfSmallestCapacity : Number.POSITIVE_INFINITY;
  return Math.min(most, byCapacity(capacity.maximum));
}

function byCapacity(units: number): number {
  const above = connectionsByCapacity.findIndex(([row]) => units <= row);
  const [highUnits, high] = connectionsByCapacity.at(above) as readonly [number, number];
  const below = connectionsByCapacity[above - 1];
  if (above < 0 || below === undefined) return high;
  const [lowUnits, low] = below;
  return Math.floor(low + ((units - lowUnits) / (highUnits - lowUnits)) * (high - low));
}
