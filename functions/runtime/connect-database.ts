import type { ConnectionSettings } from '../../shared/adapters/postgres/connection.ts';
import { createPostgresDatabase } from '../../shared/adapters/postgres/database.ts';
import type { SecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import type { Clock } from '../../shared/core/clock.ts';
import type { DatabaseConfig } from '../../shared/core/config-shape.ts';
import type { SnapshotDatabase } from '../../shared/core/database.ts';
import { type ReaderOutcome, SearchReader } from '../../shared/retrieval/search-reader.ts';
import { databaseTls } from './database-tls.ts';

/** The role that a function logs in as: only maintenance builds indexes and moves partitions. */
export type DatabaseUser = 'dbrag_app' | 'dbrag_maintainer';

/** Connections of one environment: it serves one event at a time, and the second is for background work. */
const most = 2;
/** A search that takes longer on the reader is repeated on the writer, within the time of a request. */
const readerTimeoutMillis = 5_000;

export function connectDatabase(config: DatabaseConfig, user: DatabaseUser, secrets: SecretReader): SnapshotDatabase {
  required(config.secretArn);
  const { preparedStatements } = config;
  return createPostgresDatabase({ ...connectionTo(config, user, secrets), max: most, preparedStatements });
}

/** The reader of the stage, for searches; null where it has none. */
export function createSearchReader(
  config: DatabaseConfig,
  user: DatabaseUser,
  secrets: SecretReader,
  clock: Clock,
  onAsked: (outcome: ReaderOutcome, error?: unknown) => void,
): SearchReader | null {
  if (config.readerHost === config.host) return null;
  const database = createPostgresDatabase({
    ...connectionTo({ ...config, host: config.readerHost }, user, secrets),
    max: most,
    preparedStatements: config.preparedStatements,
    queryTimeoutMillis: readerTimeoutMillis,
  });
  return new SearchReader(database, clock, onAsked);
}

export function connectionTo(config: DatabaseConfig, user: DatabaseUser, secrets: SecretReader): ConnectionSettings {
  const { host, port, name } = config;
  const password = ({ fresh }: { fresh: boolean }) => passwordOf(secrets, required(config.secretArn), fresh);
  return { host, port, database: name, user, password, tls: databaseTls(config) };
}

/** The password in a secret of the form `{"username", "password"}`. */
async function passwordOf(secrets: SecretReader, arn: string, fresh: boolean): Promise<string> {
  const text = fresh ? await secrets.refresh(arn) : await secrets.read(arn);
  return (JSON.parse(text) as { password: string }).password;
}

function required(secretArn: string | undefined): string {
  if (secretArn === undefined) throw new Error('This function has not been given the database secret.');
  return secretArn;
}
