import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts in hundredths of a second, whatever the machine. */
const millisecondsPerTick = 10;

interface ProcessTimes {
  readonly parent: number;
  readonly own: number;
  /** Of children that have ended and were waited for. */
  readonly endedChildren: number;
}

/** Processor time of a process so far, in milliseconds; with what became of its children when `tree`. 0 for one that is gone. */
export function cpuMilliseconds(processId: number, tree = false): number {
  const times = timesOf(processId);
  if (!times) return 0;
  if (!tree) return times.own;
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => timesOf(Number(name)))
    .filter((each) => each?.parent === processId);
  return times.own + times.endedChildren + children.reduce((sum, child) => sum + (child?.own ?? 0), 0);
}

function timesOf(processId: number): ProcessTimes | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${processId}/stat`, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
  // The name of the program stands in brackets and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [parent, user, system, childrenUser, childrenSystem] = [1, 11, 12, 13, 14].map((at) => Number(fields[at]));
  return {
    parent: parent as number,
    own: ((user as number) + (system as number)) * millisecondsPerTick,
    endedChildren: ((childrenUser as number) + (childrenSystem as number)) * millisecondsPerTick,
  };
}

/** @throws when the process is gone */
export function parentOf(processId: number): number {
  const times = timesOf(processId);
  if (!times) throw new Error(`there is no process ${processId}`);
  return times.parent;
}
