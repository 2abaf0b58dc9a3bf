import { Sha256 } from './sha256.ts';

const validSeconds = 900;

/** Whom a token is for. */
export interface TokenAddressee {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/**
 * A token that RDS and Aurora take in place of a password for 15 minutes (IAM database authentication): the signed address of a
 * request that is never made. Source: "Connecting to your DB instance using IAM authentication", Amazon RDS User Guide.
 */
export async function databaseToken({ host, port, user }: TokenAddressee): Promise<string> {
  const [{ SignatureV4 }, { SecretsManagerClient }] = await Promise.all([
    import('@smithy/signature-v4'),
    import('@aws-sdk/client-secrets-manager'),
  ]);
  // Region and credentials as every client finds them.
  const { config } = new SecretsManagerClient({});
  const signer = new SignatureV4({
    service: 'rds-db',
    region: config.region,
    credentials: config.credentials,
    sha256: Sha256,
  });
  const signed = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname: host,
      port,
      path: '/',
      query: { Action: 'connect', DBUser: user },
      headers: { host: `${host}:${port}` },
    },
    { expiresIn: validSeconds },
  );
  const query = new URLSearchParams(signed.query as Record<string, string>);
  return `${host}:${port}/?${query}`;
}
