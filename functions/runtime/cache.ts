import { RedisCache } from '../../shared/adapters/redis/redis-cache.ts';
import type { RedisLogin } from '../../shared/adapters/redis/redis-client.ts';
import type { SecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import type { CacheConfig } from '../../shared/core/config-shape.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

/** The stage's cache; null where it has none. */
export function createCache({ url, secretArn }: CacheConfig, secrets: SecretReader, log: Telemetry): RedisCache | null {
  if (url === undefined) return null;
  return new RedisCache({
    url,
    login: secretArn === undefined ? undefined : async () => JSON.parse(await secrets.read(secretArn)) as RedisLogin,
    onFailure: (error) => log.cacheFailed(error),
  });
}
