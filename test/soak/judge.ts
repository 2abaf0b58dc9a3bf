import type { Outage } from './faults.ts';
import type { MemoryLook } from './memory.ts';
import type { Sample } from './traffic.ts';

export interface Growth {
  readonly name: string;
  /** Means in megabytes. */
  readonly middle: number;
  readonly last: number;
  readonly ratio: number;
}

/** How many of the requests that no fault can have touched were answered, as a share; how many these were. */
export function availability(
  samples: readonly Sample[],
  outages: readonly Outage[],
): { share: number; counted: number } {
  const untouched = samples.filter(
    ({ from, until }) => !outages.some((outage) => from < outage.until && until > outage.from),
  );
  const answered = untouched.filter(({ available }) => available).length;
  return { share: untouched.length === 0 ? 0 : answered / untouched.length, counted: untouched.length };
}

/** The last third of the looks against the middle one, for whatever was there in both. */
export function growths(looks: readonly MemoryLook[]): Growth[] {
  const third = Math.floor(looks.length / 3);
  const [middle, last] = [looks.slice(third, 2 * third), looks.slice(2 * third)];
  const names = [...new Set(looks.flatMap((look) => Object.keys(look)))].sort();
  return names.flatMap((name) => {
    const [before, after] = [mean(middle, name), mean(last, name)];
    return before === undefined || after === undefined
      ? []
      : [{ name, middle: before, last: after, ratio: after / before }];
  });
}

function mean(looks: readonly MemoryLook[], name: string): number | undefined {
  const there = looks.map((look) => look[name]).filter((each) => each !== undefined && each > 0) as number[];
  return there.length === 0 ? undefined : there.reduce((sum, each) => sum + each, 0) / there.length;
}
