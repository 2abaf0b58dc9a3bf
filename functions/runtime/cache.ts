import type { SecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import type { Cache } from '../../shared/core/cache.ts';
import type { Config } from '../../shared/core/config.ts';
import type { Telemetry } from './telemetry.ts';
export function createCache(
  _config: Config,
  _secrets: SecretReader,
  _log: Telemetry,
): (Cache & { ping(): Promise<void> }) | null {
  return null;
}
