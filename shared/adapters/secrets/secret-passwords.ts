import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { PasswordStore } from '../../databases/passwords.ts';

export interface PasswordStoreSettings {
  readonly prefix: string | undefined;
  readonly keyArn: string | undefined;
}

/** Passwords of connections in Secrets Manager. The client is made when the first is stored. */
export function createPasswordStore({ prefix, keyArn }: PasswordStoreSettings): PasswordStore {
  let client: Promise<SecretsManagerClient> | undefined;
  const connect = () => {
    client ??= import('@aws-sdk/client-secrets-manager').then(
      ({ SecretsManagerClient: Client }) => new Client({ maxAttempts: 3 }),
    );
    return client;
  };
  return {
    prefix: prefix ?? '',
    async create(name, value) {
      if (prefix === undefined || keyArn === undefined)
        throw new Error('This function has not been given the key of passwords.');
      const { CreateSecretCommand } = await import('@aws-sdk/client-secrets-manager');
      await (await connect()).send(
        new CreateSecretCommand({
          Name: name,
          Description: 'dbrag: password of a connected database',
          KmsKeyId: keyArn,
          SecretString: value,
        }),
      );
    },
    async remove(name) {
      const { DeleteSecretCommand } = await import('@aws-sdk/client-secrets-manager');
      // No recovery window: whoever removed the connection wants the password gone, and the name is never used again.
      await (await connect())
        .send(new DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true }))
        .catch((error: unknown) => {
          if ((error as Error).name !== 'ResourceNotFoundException') throw error;
        });
    },
  };
}
