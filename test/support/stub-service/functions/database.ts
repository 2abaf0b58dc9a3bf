import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import pg from 'pg';

const secrets = new SecretsManagerClient({});

export interface Login {
  readonly username: string;
  readonly password: string;
}

export async function readLogin(secretArn: string | undefined): Promise<Login> {
  const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: secretArn }));
  return JSON.parse(SecretString ?? '') as Login;
}

/** Runs `work` on a connection of its own. */
export async function withDatabase<T>(
  secretArn: string | undefined,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { username, password } = await readLogin(secretArn);
  const { DATABASE_HOST: host, DATABASE_PORT: port, DATABASE_NAME: database } = process.env;
  const client = new pg.Client({ host, port: Number(port), database, user: username, password } as pg.ClientConfig);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export async function record(kind: string, body: string): Promise<void> {
  await withDatabase(process.env.DATABASE_SECRET_ARN, (client) =>
    client.query('INSERT INTO stub.events (kind, body) VALUES ($1, $2)', [kind, body]),
  );
}
