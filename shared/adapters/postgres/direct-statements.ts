import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { DirectStatements } from '../../core/direct-statements.ts';
import { type ConnectionSettings, clientConfig } from './connection.ts';
import { translate } from './errors.ts';

/** Statements outside any transaction; each call uses a separate connection. */
export function createDirectStatements(settings: ConnectionSettings): DirectStatements {
  return {
    async run(statements, waitMilliseconds) {
      const client = new pg.Client(clientConfig(settings));
      client.on('error', () => {});
      let left = false;
      try {
        await client.connect();
        const running = runAll(client, statements);
        // Once we stop waiting, nobody handles its rejection.
        running.catch(() => {});
        const outcome = await Promise.race([running, delay(waitMilliseconds, 'running' as const, { ref: false })]);
        left = outcome === 'running';
        return outcome;
      } catch (error) {
        throw translate(error);
      } finally {
        // Not end(): it would say goodbye, and wait for the statement before.
        if (left) (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
        else await client.end();
      }
    },
  };
}

async function runAll(client: pg.Client, statements: readonly string[]): Promise<'finished'> {
  for (const statement of statements) await client.query(statement);
  return 'finished';
}
