import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Between the order to end and the end by force. */
const graceMilliseconds = 30_000;
const signals = ['SIGINT', 'SIGTERM'] as const;

export interface End {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly tookTooLong: boolean;
}

/**
 * Runs a program with all that it starts in a process group of their own, so that they end together: when it takes longer than it may, and
 * when this process is interrupted.
 */
export async function runToEnd(
  program: string,
  words: readonly string[],
  { env, longestMilliseconds }: { readonly env: NodeJS.ProcessEnv; readonly longestMilliseconds: number },
): Promise<End> {
  const child = spawn(program, words, { stdio: ['ignore', 'inherit', 'inherit'], env, detached: true });
  const send = (signal: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // The whole group is gone.
    }
  };
  let tookTooLong = false;
  let force: NodeJS.Timeout | undefined;
  const limit = setTimeout(() => {
    tookTooLong = true;
    send('SIGTERM');
    force = setTimeout(send, graceMilliseconds, 'SIGKILL');
  }, longestMilliseconds);
  const interrupted = (): never => {
    send('SIGTERM');
    process.exit(1);
  };
  for (const signal of signals) process.once(signal, interrupted);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    // What it started may outlive it, and would work beside the next.
    if (tookTooLong) send('SIGKILL');
    return { code, tookTooLong };
  } finally {
    clearTimeout(limit);
    clearTimeout(force);
    for (const signal of signals) process.off(signal, interrupted);
  }
}
