import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import middy from '@middy/core';
import { PostgresCustomerDatabases } from '../../shared/adapters/postgres/customer-databases.ts';
import { databaseToken } from '../../shared/adapters/secrets/database-token.ts';
import { createSecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import { systemClock } from '../../shared/core/clock.ts';
import { readNetworkRules, taskRoot } from '../../shared/core/config.ts';
import { DbragError } from '../../shared/core/errors.ts';
import { openPassword } from '../../shared/databases/connection-secret.ts';
import type { Target } from '../../shared/databases/query-database.message.ts';
import { outlastRejections } from './outlast-rejections.ts';
import type { OutageEvents } from './telemetry/outage-events.ts';
import { createTelemetry } from './telemetry/telemetry.ts';

/**
 * The Lambda handler of a function that others call and wait for. It is wired apart from all others: it knows neither our database nor
 * the cache nor a queue.
 */
export function invokeFunction<Reply>(
  handle: (event: unknown, databases: PostgresCustomerDatabases) => Promise<Reply>,
) {
  const log = createTelemetry();
  outlastRejections(log);
  const databases = createCustomerDatabases(log);
  return middy<unknown, Reply>({ requestEnd: () => log.flush() }).handler(async (event, context) => {
    log.begin(context);
    try {
      return await handle(event, databases);
    } catch (error) {
      // A customer's server may quote a row in its message, so the caller only learns that the statement failed.
      log.recordFailed(error, { source: context.functionName, messageId: context.awsRequestId });
      throw new Error('The request to the database failed; the log of this function says why.');
    }
  });
}

function createCustomerDatabases(log: OutageEvents): PostgresCustomerDatabases {
  const secrets = createSecretReader(systemClock, { onFallback: (error) => log.secretFellBack(error) });
  return new PostgresCustomerDatabases({
    rules: readNetworkRules(),
    resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
    authorities: () => readFileSync(`${taskRoot()}/certificates/databases.pem`, 'utf8'),
    async password(target, { fresh }) {
      if (target.authentication === 'iam') return databaseToken(target);
      const arn = target.secret_arn;
      if (arn === null) throw new DbragError('auth_failed', 'The connection has no password: set one.');
      return openPassword(await (fresh ? secrets.refresh(arn) : secrets.read(arn)), addresseeOf(target));
    },
  });
}

const addresseeOf = ({ workspace_id, connection_id, host, port, database, user }: Target) => ({
  workspace_id,
  connection_id,
  host,
  port,
  database,
  user,
});
