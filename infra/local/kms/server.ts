import { AwsError } from '../aws/aws-error.ts';
import { type Clock, systemClock } from '../aws/clock.ts';
import { createJsonService, type Log } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { type Key, type KeySettings, openKeyStore } from './key-store.ts';
import { kmsOperations } from './operations.ts';

export interface KmsServerOptions {
  /** Where the keys live; made when missing. */
  readonly directory: string;
  readonly authorizer: Authorizer;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface KmsServer {
  /** Gives the endpoint. */
  listen(port?: number): Promise<string>;
  close(): Promise<void>;
  /** Makes the key, or renames an existing one: what was encrypted with it stays readable across restarts. */
  createKey(settings: KeySettings): Key;
  /** What disabling a key does to all who use it. By id, ARN or alias. */
  setEnabled(key: string, enabled: boolean): void;
  /** For services that encrypt with a key: throws the error that S3 gives when it is unknown or disabled. */
  requireUsable(key: string): void;
}

/** KMS on one machine: symmetric keys, envelope encryption with context. */
export function createKmsServer({ directory, authorizer, log, clock = systemClock }: KmsServerOptions): KmsServer {
  const keys = openKeyStore(directory);
  const service = createJsonService({
    service: 'kms',
    targetPrefix: 'TrentService',
    version: '1.1',
    operations: kmsOperations(keys, authorizer),
    authorizer,
    log,
  });

  function find(name: string): Key {
    const key = keys.find(name);
    if (key === undefined) throw new AwsError('KMS.NotFoundException', `Key '${name}' does not exist`);
    return key;
  }

  return {
    listen: service.listen,
    async close() {
      await service.close();
      keys.close();
    },
    createKey: (settings) => keys.save(settings, clock.now()),
    setEnabled: (name, enabled) => keys.setEnabled(find(name).id, enabled),
    requireUsable(name) {
      const key = find(name);
      if (!key.enabled) throw new AwsError('KMS.DisabledException', `${key.arn} is disabled.`);
    },
  };
}
