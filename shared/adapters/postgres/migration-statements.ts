import type pg from 'pg';
import { locked } from './migration-lock.ts';

const isConcurrent = (statement: string): boolean => /^(CREATE|DROP) (UNIQUE )?INDEX CONCURRENTLY /m.test(statement);

/**
 * Runs a file that is no transaction: its statements are separated by empty lines. Builds and drops of an index run by themselves and
 * everything else in a transaction of its own. Rows with a column `statement` are run in turn: what is to do for each partition or each
 * workspace. Whoever dies in between begins again with the first statement, so that each must find what it has done before.
 */
export async function runStatements(client: pg.Client, sql: string): Promise<void> {
  for (const statement of sql.split(/\n\s*\n/)) {
    if (isConcurrent(statement)) {
      await client.query('SET ROLE dbrag_owner');
      await client.query(statement);
      await client.query('RESET ROLE');
      continue;
    }
    const rows = await locked(client, () => runAsOwner(client, statement));
    for (const row of rows) if (row.statement !== undefined) await runStatements(client, row.statement);
  }
}

/** Inside a transaction. @returns the rows of the last statement */
export async function runAsOwner(client: pg.Client, sql: string): Promise<readonly { readonly statement?: string }[]> {
  await client.query('SET LOCAL ROLE dbrag_owner');
  const results: pg.QueryResult | pg.QueryResult[] = await client.query(sql);
  await client.query('RESET ROLE');
  return [results].flat().at(-1)?.rows ?? [];
}
