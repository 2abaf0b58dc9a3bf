import type { RedisCache } from '../../shared/adapters/redis/redis-cache.ts';
import { RedisRates } from '../../shared/adapters/redis/redis-rates.ts';
import type { Clock } from '../../shared/core/clock.ts';
import type { Config } from '../../shared/core/config-shape.ts';
import type { Database } from '../../shared/core/database.ts';
import { publicId } from '../../shared/core/ids.ts';
import { ProcessRates } from '../../shared/limits/process-rates.ts';
import { alarmingShare, quotasOf, type WorkspaceQuotas } from '../../shared/limits/quotas.ts';
import type { RateLimiter } from '../../shared/limits/rate-limit.ts';
import { RateWindows, StandInRates } from '../../shared/limits/rate-windows.ts';
import { createWorkspaceLimitsDirectory, type WorkspaceLimitsDirectory } from '../../shared/limits/workspace-limits.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

export interface Limits {
  /** For callers, by the id of their workspace. */
  readonly rates: RateLimiter;
  /** For client addresses, before the caller is known. */
  readonly addressRates: RateLimiter;
  readonly workspaceLimits: WorkspaceLimitsDirectory;
}

export interface Quotas {
  readonly of: (workspaceId: string) => Promise<WorkspaceQuotas>;
}

/**
 * The rate limiters, shared by all processes through the cache. Without one, and while it fails, callers are counted in the database, and
 * addresses by each process.
 */
export function createLimits(cache: RedisCache | null, database: Database, clock: Clock, log: Telemetry): Limits {
  const standIn = new RateWindows(database);
  const ownStandIn = new ProcessRates();
  const workspaceLimits = createWorkspaceLimitsDirectory(database, clock);
  if (!cache) return { rates: standIn, addressRates: ownStandIn, workspaceLimits };
  const shared = new RedisRates({
    client: () => cache.client(),
    isConnected: () => cache.isConnected,
    breaker: cache.breaker,
    onFailure: (error) => log.cacheFailed(error),
  });
  return {
    rates: new StandInRates(shared, standIn),
    addressRates: new StandInRates(shared, ownStandIn),
    workspaceLimits,
  };
}

/** The quotas of workspaces, and the report when one is nearly used up. */
export function createQuotas({ quotas }: Config, workspaces: WorkspaceLimitsDirectory, log: Telemetry): Quotas {
  return {
    async of(workspaceId) {
      const limits = quotasOf(quotas, (await workspaces.find(workspaceId)).quotas);
      return {
        limits,
        noticed(resource, used) {
          const limit = limits[resource] ?? null;
          if (limit !== null && used >= limit * alarmingShare)
            log.quotaNear({ workspaceId: publicId('workspace', workspaceId), resource, used, limit });
        },
      };
    },
  };
}
