import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface ServerProcess {
  /** The first line that it printed. */
  readonly url: string;
  readonly processId: number;
  close(): Promise<void>;
}

const graceMilliseconds = 2_000;
/** Between the end of a server and its next start; a server that cannot start does not keep the machine busy. */
const restartMilliseconds = 500;

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
}

/**
 * Starts a server of this directory in a process of its own (`<part>/main.ts`), which prints its URL as its first line and
 * ends with this process. One that ends before `close` is started again at its port: what it holds may be lost (a cache,
 * models), its users go on.
 */
export async function startServerProcess(part: string, log: (line: string) => void): Promise<ServerProcess> {
  let current = await start(part, 0, log);
  const { url } = current;
  const port = Number(new URL(url).port);
  let closing = false;
  const watch = ({ child }: Started): void => {
    child.once('exit', (code, signal) => {
      if (closing) return;
      log(`${part}: ended by itself (${signal ?? `exit status ${code}`}); it is started again`);
      setTimeout(restart, restartMilliseconds);
    });
  };
  const restart = (): void => {
    if (closing) return;
    start(part, port, log).then(
      (next) => {
        current = next;
        watch(next);
        if (closing) next.child.kill('SIGKILL');
      },
      (error: Error) => {
        log(`${part}: ${error.message}`);
        setTimeout(restart, restartMilliseconds);
      },
    );
  };
  watch(current);
  return {
    url,
    get processId() {
      return current.child.pid as number;
    },
    async close() {
      closing = true;
      await end(current.child);
    },
  };
}

async function start(part: string, port: number, log: (line: string) => void): Promise<Started> {
  const file = fileURLToPath(new URL(`../${part}/main.ts`, import.meta.url));
  const child = spawn(process.execPath, [file, '--port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] });
  createInterface({ input: child.stderr }).on('line', (line) => log(`${part}: ${line}`));
  const output = createInterface({ input: child.stdout });
  const url = await new Promise<string>((resolve, reject) => {
    output.once('line', resolve);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`ended at once with exit status ${code}`)));
  });
  output.on('line', (line) => log(`${part}: ${line}`));
  return { child, url };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMilliseconds);
  await exited;
  clearTimeout(timer);
}
