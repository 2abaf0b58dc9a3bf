import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import type { RateLimitChoices } from './rate-limit.ts';

/** What the operator said of one workspace instead of the stage. */
export interface WorkspaceLimits {
  readonly rate_limits?: RateLimitChoices | undefined;
  /** By resource; null for no limit. */
  readonly quotas?: Readonly<Record<string, number | null>> | undefined;
}

/** A change of the operator's is seen everywhere after this long at the latest. */
const keptMilliseconds = 30_000;
const keptWorkspaces = 1_000;

export interface WorkspaceLimitsDirectory {
  find(workspaceId: string): Promise<WorkspaceLimits>;
}

interface Known {
  readonly limits: WorkspaceLimits;
  readonly until: number;
}

/** Limits of workspaces from the database, remembered for 30 s in this process. */
export function createWorkspaceLimitsDirectory(database: Database, clock: Clock): WorkspaceLimitsDirectory {
  const known = new Map<string, Known>();
  return {
    async find(workspaceId) {
      const now = clock.now().getTime();
      const kept = known.get(workspaceId);
      if (kept && kept.until > now) return kept.limits;
      const limits = await database.inWorkspace({ workspaceId }, (db) => readWorkspaceLimits(db, workspaceId));
      known.delete(workspaceId);
      known.set(workspaceId, { limits, until: now + keptMilliseconds });
      if (known.size > keptWorkspaces) known.delete(known.keys().next().value as string);
      return limits;
    },
  };
}

export async function readWorkspaceLimits(db: Db, workspaceId: string): Promise<WorkspaceLimits> {
  const { rows } = await db.query<{ limits: WorkspaceLimits }>('SELECT limits FROM dbrag.workspaces WHERE id = $1', [
    workspaceId,
  ]);
  return rows[0]?.limits ?? {};
}
