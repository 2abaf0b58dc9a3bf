import type { CloudFormationCustomResourceEvent } from 'aws-lambda';
import pg from 'pg';
import { readLogin, withDatabase } from '../database.ts';

export async function handler(event: CloudFormationCustomResourceEvent): Promise<void> {
  const outcome = await migrate(event.RequestType).then(
    () => ({ Status: 'SUCCESS' }),
    (error: Error) => ({ Status: 'FAILED', Reason: error.message }),
  );
  await fetch(event.ResponseURL, { method: 'PUT', body: JSON.stringify({ ...outcome, PhysicalResourceId: 'stub' }) });
}

async function migrate(requestType: string): Promise<void> {
  if (process.env.REFUSE_MIGRATION !== undefined) throw new Error('the migration refuses');
  const { username, password } = await readLogin(process.env.DATABASE_APPLICATION_SECRET_ARN);
  const role = pg.escapeIdentifier(username);
  await withDatabase(process.env.DATABASE_OWNER_SECRET_ARN, async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [username]);
    if (rowCount === 0) await client.query(`CREATE ROLE ${role}`);
    await client.query(`ALTER ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
    await client.query('CREATE SCHEMA IF NOT EXISTS stub');
    await client.query('CREATE TABLE IF NOT EXISTS stub.events (kind text, body text, at timestamptz DEFAULT now())');
    await client.query(`GRANT USAGE ON SCHEMA stub TO ${role}`);
    await client.query(`GRANT SELECT, INSERT ON stub.events TO ${role}`);
    await client.query('INSERT INTO stub.events VALUES ($1, $2)', ['migration', requestType]);
  });
}
