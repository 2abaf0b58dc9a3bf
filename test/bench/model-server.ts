import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LedgerSnapshot } from '../support/fake-model-server/ledger.ts';

export interface ModelServer {
  readonly baseUrl: string;
  readonly processId: number;
  /** What the provider would have seen and billed since the last reset. */
  ledger(): Promise<LedgerSnapshot>;
  reset(): Promise<void>;
  close(): Promise<void>;
}

const file = fileURLToPath(new URL('../support/fake-model-server/main.ts', import.meta.url));

/** The fake model server in a process of its own, with whatever arguments it takes. */
export async function startModelServer(...arguments_: readonly string[]): Promise<ModelServer> {
  const child = spawn(process.execPath, [file, ...arguments_], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const baseUrl = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the model server ended: ${code}`)));
  });
  const control = new URL('/control/', baseUrl).href;
  return {
    baseUrl,
    processId: child.pid as number,
    ledger: async () => (await fetch(`${control}ledger`)).json() as Promise<LedgerSnapshot>,
    reset: async () => void (await (await fetch(`${control}reset`, { method: 'POST' })).text()),
    async close() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
