import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const startMilliseconds = 120_000;
/** `npm ci` with an empty cache takes minutes by itself. */
const installMilliseconds = 900_000;
const commandMilliseconds = 180_000;
/** A problem of the API: `curl` ends with 0 all the same. */
const problem = /"status":\s*[45]\d\d\b/;

/** A shell in a directory, with a service that may run beside it. */
export class Terminal {
  readonly #directory: string;
  readonly #environment: NodeJS.ProcessEnv;
  #service: ChildProcess | undefined;

  constructor(directory: string, environment: NodeJS.ProcessEnv) {
    this.#directory = directory;
    this.#environment = environment;
  }

  /**
   * Types it and waits for its end.
   * @param expected what its output must contain
   * @throws Error with its output when it fails, the API refuses something, or that is missing
   */
  async run(text: string, expected = ''): Promise<void> {
    const child = this.#spawn(text);
    const output = collect(child);
    const timer = setTimeout(() => end(child), commandMilliseconds);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(timer);
    if (code !== 0) throw new Error(`it ended with ${code}:\n${output()}`);
    if (problem.test(output())) throw new Error(`the API refused something:\n${output()}`);
    if (!output().includes(expected)) throw new Error(`it does not say "${expected}":\n${output()}`);
  }

  /** Types it and waits until what it starts answers. @throws Error with its output when it ends, or does not come up in time */
  async start(text: string): Promise<void> {
    const child = this.#spawn(text);
    const output = collect(child);
    this.#service = child;
    const longest = /\bnpm ci\b/.test(text) ? installMilliseconds : startMilliseconds;
    for (const began = performance.now(); performance.now() - began < longest; await sleep(200)) {
      if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${output()}`);
      if (await this.#answers()) return;
    }
    throw new Error(`it did not come up:\n${output()}`);
  }

  async close(): Promise<void> {
    if (!this.#service || this.#service.exitCode !== null) return;
    const closed = once(this.#service, 'close');
    end(this.#service);
    await closed;
  }

  /** Of a process group of its own, so that whatever a shell has started ends with it. */
  #spawn(text: string): ChildProcess {
    return spawn('bash', ['-euo', 'pipefail', '-c', text], {
      cwd: this.#directory,
      env: this.#environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async #answers(): Promise<boolean> {
    const file = join(this.#directory, '.dbrag', 'local.json');
    if (!existsSync(file)) return false;
    const { api_url } = JSON.parse(readFileSync(file, 'utf8')) as { api_url: string };
    return fetch(new URL('/health', api_url)).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}

function collect(child: ChildProcess): () => string {
  let output = '';
  const take = (bytes: Buffer): void => {
    output += bytes.toString();
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  return () => output;
}

function end(child: ChildProcess): void {
  try {
    process.kill(-(child.pid as number), 'SIGINT');
  } catch {
    // It has ended meanwhile.
  }
}
