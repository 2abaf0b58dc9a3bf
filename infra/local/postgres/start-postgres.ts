import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { BACKEND_NODE_OPTIONS } from './open-database.ts';
import type { PostgresProcessMessage, PostgresProcessOptions } from './process-messages.ts';
import { connectionUrl } from './wire-server.ts';

export interface StartPostgresOptions {
  /** Where the data live; in memory when left out. */
  readonly dataDirectory?: string;
  /** Password of the superuser `postgres`. */
  readonly superuserPassword: string;
  /** The file of a dump (see `createDatabaseTemplate`) to start from when there is no database yet. */
  readonly templateDump?: string;
  /** The name that the one database answers to, besides `postgres`. */
  readonly database?: string;
  readonly port?: number;
  /** Milliseconds that a transaction may stay idle before its connection is closed; 60,000 unless given. */
  readonly idleInTransactionTimeout?: number;
  readonly log: (line: string) => void;
}

export interface RunningPostgres {
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly pid: number;
  /** As the superuser. */
  readonly adminUrl: string;
  url(user: string, password: string, database?: string): string;
  /** The exit code once the process has ended, `null` after a signal. */
  readonly exited: Promise<number | null>;
  /** Ends the connections, writes everything down and ends the process. */
  close(): Promise<void>;
}

const CLOSE_TIMEOUT = 15_000;

/** Starts the local Postgres in a process of its own, which ends with this one. */
export async function startPostgres(options: StartPostgresOptions): Promise<RunningPostgres> {
  const child = fork(fileURLToPath(new URL('./main.ts', import.meta.url)), [], {
    execArgv: BACKEND_NODE_OPTIONS,
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', options.log);
  }
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  const database = options.database ?? 'postgres';
  const ready = firstMessage(child);
  child.send(processOptions(options, database));
  const message = await ready;
  if (message.kind === 'failed') {
    await exited;
    throw new Error(`the local Postgres did not start: ${message.message}`);
  }
  const url = (user: string, password: string, name = database) => connectionUrl(message.port, user, password, name);
  return {
    host: '127.0.0.1',
    port: message.port,
    pid: child.pid as number,
    adminUrl: url('postgres', options.superuserPassword),
    url,
    exited,
    close: () => close(child, exited),
  };
}

function processOptions(options: StartPostgresOptions, database: string): PostgresProcessOptions {
  const { superuserPassword, dataDirectory, templateDump, port, idleInTransactionTimeout } = options;
  return {
    superuserPassword,
    databases: [database],
    ...(dataDirectory === undefined ? {} : { dataDirectory }),
    ...(templateDump === undefined ? {} : { template: templateDump }),
    ...(port === undefined ? {} : { port }),
    ...(idleInTransactionTimeout === undefined ? {} : { idleInTransactionTimeout }),
  };
}

function firstMessage(child: ChildProcess): Promise<PostgresProcessMessage> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => resolve(message as PostgresProcessMessage));
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve({ kind: 'failed', message: `its process ended at once (${signal ?? `exit code ${code}`})` }),
    );
  });
}

async function close(child: ChildProcess, exited: Promise<number | null>): Promise<void> {
  child.kill('SIGTERM');
  // A statement in flight cannot be interrupted, and the process answers no signal before its end.
  const timer = setTimeout(() => child.kill('SIGKILL'), CLOSE_TIMEOUT);
  await exited;
  clearTimeout(timer);
}
