import { type MigrationResult, migrate } from '../../shared/adapters/postgres/migrate.ts';
import { createSecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import { systemClock } from '../../shared/core/clock.ts';
import { readMigrationConfig } from '../../shared/core/config.ts';
import { databaseTls } from './database-tls.ts';
import { createFailpoint } from './failpoint.ts';

interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Wires the migration: as the cluster's master user, on the writer itself. */
export async function migrateDatabase(): Promise<MigrationResult> {
  const config = readMigrationConfig();
  const secrets = createSecretReader(systemClock);
  const read = async (arn: string) => JSON.parse(await secrets.read(arn)) as Credentials;
  const [master, application, maintainer] = await Promise.all([
    read(config.ownerSecretArn),
    read(config.applicationSecretArn),
    read(config.maintainerSecretArn),
  ]);
  const { host, port, name } = config.database;
  return migrate({
    connection: {
      host,
      port,
      database: name,
      user: master.username,
      password: async () => master.password,
      tls: databaseTls(config.database),
    },
    directory: config.directory,
    settings: { partitions: config.partitions, dimensions: config.embeddingDimensions },
    passwords: { application: application.password, maintainer: maintainer.password },
    failpoint: createFailpoint(),
  });
}
