// The process of the local Postgres. Started by start-postgres.ts, which sends the options over the IPC channel, or by
// hand: POSTGRES_PASSWORD=… node infra/local/postgres/main.ts --data-directory .dbrag/postgres --port 5432
import { parseArgs } from 'node:util';
import { openDatabase } from './open-database.ts';
import type { PostgresProcessMessage, PostgresProcessOptions } from './process-messages.ts';
import { servePglite } from './wire-server.ts';

const EXIT_FAILED = 1;

async function receiveOptions(): Promise<PostgresProcessOptions> {
  if (process.send)
    return await new Promise((resolve) => process.once('message', (options) => resolve(options as never)));
  const { values } = parseArgs({
    options: {
      'data-directory': { type: 'string' },
      template: { type: 'string' },
      database: { type: 'string', default: 'postgres' },
      port: { type: 'string', default: '0' },
    },
  });
  const superuserPassword = process.env.POSTGRES_PASSWORD;
  if (!superuserPassword) throw new Error('POSTGRES_PASSWORD must hold the password of the role postgres');
  return {
    superuserPassword,
    port: Number(values.port),
    databases: [values.database],
    ...(values['data-directory'] === undefined ? {} : { dataDirectory: values['data-directory'] }),
    ...(values.template === undefined ? {} : { template: values.template }),
  };
}

function tell(message: PostgresProcessMessage): void {
  if (process.send) process.send(message);
  else console.log(message.kind === 'ready' ? `listening on 127.0.0.1:${message.port}` : message.message);
}

async function main(): Promise<void> {
  let stop: () => void = () => process.exit();
  // Before anything is open there is nothing to write down.
  for (const signal of ['SIGTERM', 'SIGINT', 'disconnect'] as const) process.once(signal, () => stop());
  const options = await receiveOptions();
  const opened = await openDatabase(options);
  const server = await servePglite(opened.database, {
    ...options,
    log: (line) => console.error(line),
    onFailure: (failure) => {
      console.error(failure, failure.cause);
      process.exitCode = EXIT_FAILED;
      // The data are as a kill would leave them: the next start recovers them from the log.
      setImmediate(() => process.exit(EXIT_FAILED));
    },
  });
  stop = () => {
    stop = () => undefined;
    void server
      .close()
      .then(() => opened.close())
      .then(() => process.exit(0));
  };
  tell({ kind: 'ready', port: server.port });
}

main().catch((error: unknown) => {
  tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  process.exitCode = EXIT_FAILED;
  process.disconnect?.();
});
