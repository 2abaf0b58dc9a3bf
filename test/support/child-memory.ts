import { readdirSync, readFileSync } from 'node:fs';

const everyMilliseconds = 5;

/**
 * Runs `work` and watches the child processes of this one meanwhile: those that are there already and those that come.
 * @returns what came of it, its milliseconds, and the most that any child ever held, in bytes, as the kernel keeps it (VmHWM)
 */
export async function watchingChildren<T>(
  work: () => Promise<T>,
): Promise<{ result: T; milliseconds: number; peak: number }> {
  let peak = 0;
  const look = (): void => {
    for (const id of childrenOf(process.pid)) peak = Math.max(peak, peakOf(id));
  };
  const timer = setInterval(look, everyMilliseconds);
  const started = performance.now();
  try {
    const result = await work();
    look();
    return { result, milliseconds: performance.now() - started, peak };
  } finally {
    clearInterval(timer);
  }
}

function childrenOf(processId: number): number[] {
  return readdirSync(`/proc/${processId}/task`).flatMap((thread) =>
    readFileSync(`/proc/${processId}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

/** 0 of a process that has just ended. */
function peakOf(processId: number): number {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${processId}/status`, 'utf8'))?.[1] ?? 0) * 1_024;
  } catch {
    return 0;
  }
}
