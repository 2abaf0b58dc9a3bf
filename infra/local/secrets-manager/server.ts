import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../aws/clock.ts';
import { createJsonService, type Log } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { createAccess, type KeyCheck } from './access.ts';
import { secretsOperations } from './operations.ts';
import { openSecretStore, type Secret } from './secret-store.ts';
import { CURRENT, findSecret, putVersion } from './secrets.ts';
import { applyTemplate, type SecretSettings } from './template-secret.ts';

export interface SecretsManagerOptions {
  /** Where the secrets live; made when missing. */
  readonly directory: string;
  readonly authorizer: Authorizer;
  /** Asked whether a secret's key can be used; without it every key can. */
  readonly kms?: KeyCheck;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface SecretsManagerServer {
  /** Gives the endpoint. */
  listen(port?: number): Promise<string>;
  close(): Promise<void>;
  /** Makes or updates a secret of the template; a generated value stays the same through every restart. */
  createSecret(settings: SecretSettings): Secret;
  /** The current value, past IAM: for `{{resolve:secretsmanager:…}}`. By name or ARN. */
  valueOf(id: string): string | undefined;
  /** Writes a current value, past IAM: for what the machine itself fills in (endpoints of attached databases). */
  setValue(id: string, value: string): void;
}

/** Secrets Manager on one machine. */
export function createSecretsManagerServer(options: SecretsManagerOptions): SecretsManagerServer {
  const { directory, authorizer, kms, log, clock = systemClock } = options;
  const store = openSecretStore(directory);
  const service = createJsonService({
    service: 'secretsmanager',
    targetPrefix: 'secretsmanager',
    version: '1.1',
    operations: secretsOperations({ store, access: createAccess(authorizer, kms), clock }),
    authorizer,
    log,
  });
  const currentOf = (arn: string) => store.versions(arn).find(({ stages }) => stages.includes(CURRENT));

  return {
    listen: service.listen,
    async close() {
      await service.close();
      store.close();
    },
    createSecret: (settings) => applyTemplate(store, settings, clock.now()),
    valueOf(id) {
      const secret = findSecret(store, id, clock.now());
      return secret === undefined ? undefined : currentOf(secret.arn)?.string;
    },
    setValue(id, value) {
      const secret = findSecret(store, id, clock.now());
      if (secret === undefined) throw new Error(`There is no secret ${id}`);
      if (currentOf(secret.arn)?.string === value) return;
      const version = { token: randomUUID(), value: { string: value }, stages: [CURRENT], now: clock.now() };
      store.transaction(() => putVersion(store, secret, version));
    },
  };
}
