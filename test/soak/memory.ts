import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from '../faults/world.ts';

/** Megabytes of the largest process of each function, with what it has started; beside it of this process, which holds the stand-ins. */
export type MemoryLook = Readonly<Record<string, number>>;

const intervalMilliseconds = 2_000;

export async function watchMemory(world: World, ends: number): Promise<MemoryLook[]> {
  const looks: MemoryLook[] = [];
  for (; performance.now() < ends; await sleep(intervalMilliseconds)) {
    const functions = world.cloud.lambda.runners.flatMap(({ function: { handler }, processIds }) =>
      processIds.length === 0
        ? []
        : [[handler.replace('.handler', ''), Math.max(...processIds.map((id) => megabytes(id)))] as const],
    );
    looks.push({ ...Object.fromEntries(functions), 'gateway and stand-ins': megabytes(process.pid, false) });
  }
  return looks;
}

/** Resident; 0 for a process that is gone. */
function megabytes(processId: number, tree = true): number {
  try {
    const own = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${processId}/status`, 'utf8'))?.[1] ?? 0) / 1_024;
    if (!tree) return own;
    const children = readdirSync(`/proc/${processId}/task`).flatMap((thread) =>
      readFileSync(`/proc/${processId}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return children.reduce((sum, child) => sum + megabytes(child), own);
  } catch {
    return 0;
  }
}
