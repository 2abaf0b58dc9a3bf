export interface GrantScriptOptions {
  readonly database: string;
  readonly schemas: readonly string[];
  /** Tables that everybody may write, as they are written in SQL: no role of any kind would be a mere reader. */
  readonly openTables: readonly string[];
}

const role = 'dbrag_reader';

/** Statements that create a role which may read these schemas and nothing else. Whoever runs them chooses the password. */
export function grantScript({ database, schemas, openTables }: GrantScriptOptions): string {
  return [
    `CREATE ROLE ${role} LOGIN PASSWORD 'choose a long one' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;`,
    `GRANT CONNECT ON DATABASE ${quoted(database)} TO ${role};`,
    ...(schemas.length > 0 ? schemas : ['public']).flatMap((schema) => [
      `GRANT USAGE ON SCHEMA ${quoted(schema)} TO ${role};`,
      `GRANT SELECT ON ALL TABLES IN SCHEMA ${quoted(schema)} TO ${role};`,
      `ALTER DEFAULT PRIVILEGES IN SCHEMA ${quoted(schema)} GRANT SELECT ON TABLES TO ${role};`,
    ]),
    ...openTables.map((table) => `REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON TABLE ${table} FROM PUBLIC;`),
  ].join('\n');
}

/** An identifier as SQL reads it back, whatever it holds. */
export function quoted(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
