import type { DatabaseSettings } from '../stage-settings.ts';

/** Cluster parameters; times in milliseconds, as Postgres has them. */
export function clusterParameters(database: DatabaseSettings): Record<string, string> {
  return {
    'rds.force_ssl': '1',
    shared_preload_libraries: 'pg_stat_statements,pgaudit',
    'pgaudit.log': 'ddl,role',
    // dblink, postgres_fdw, aws_s3 and aws_lambda would let SQL reach out of the network.
    'rds.allowed_extensions': 'vector,pg_trgm,pgcrypto,pg_stat_statements,pgaudit',
    log_min_duration_statement: '1000',
    idle_in_transaction_session_timeout: '10000',
    // A forgotten connection would keep a pausing cluster awake; a proxy keeps its own connections on purpose.
    ...(database.proxy ? {} : { idle_session_timeout: '60000' }),
  };
}
