import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ServerProcess {
  /** The first line that it printed. */
  readonly url: string;
  readonly processId: number;
  close(): Promise<void>;
}

const graceMilliseconds = 2_000;

/**
 * Starts a server of this directory in a process of its own (`<part>/main.ts`), which prints its URL as its first line and
 * ends with this process.
 */
export async function startServerProcess(
  part: string,
  arguments_: readonly string[],
  log: (line: string) => void,
): Promise<ServerProcess> {
  const file = fileURLToPath(new URL(`../${part}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [file, ...arguments_], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  createInterface({ input: child.stderr }).on('line', (line) => log(`${part}: ${line}`));
  const output = createInterface({ input: child.stdout });
  const url = await new Promise<string>((resolve, reject) => {
    output.once('line', resolve);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${part} ended at once with exit status ${code}`)));
  });
  output.on('line', (line) => log(`${part}: ${line}`));
  return {
    url,
    processId: child.pid as number,
    async close() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMilliseconds);
      await exited;
      clearTimeout(timer);
    },
  };
}
