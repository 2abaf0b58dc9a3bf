import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import type { Quotas } from './quotas.ts';
import type { RateLimitChoices } from './rate-limit.ts';
import { recountStored } from './stored-amounts.ts';

/** The operator's settings for one workspace, which override the stage's. */
export interface WorkspaceLimits {
  readonly rate_limits?: RateLimitChoices | undefined;
  readonly quotas?: Quotas | undefined;
}

/** A change of the operator's is seen everywhere after this long at the latest. */
const keptMilliseconds = 30_000;
const keptWorkspaces = 1_000;

export interface WorkspaceLimitsDirectory {
  find(workspaceId: string): Promise<WorkspaceLimits>;
  /** What was known of a workspace in this process has changed. */
  forget(workspaceId: string): void;
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
    forget: (workspaceId) => void known.delete(workspaceId),
  };
}

export async function readWorkspaceLimits(db: Db, workspaceId: string): Promise<WorkspaceLimits> {
  const { rows } = await db.query<{ limits: WorkspaceLimits }>('SELECT limits FROM dbrag.workspaces WHERE id = $1', [
    workspaceId,
  ]);
  return rows[0]?.limits ?? {};
}

/** As the operator says it: what is not named stays, null for all is the stage's again. */
export interface LimitChanges {
  readonly quotas?: Quotas | null | undefined;
  readonly rate_limits?: RateLimitChoices | null | undefined;
}

/** Changes the given settings. Stored amounts are recounted: a workspace may be older than its first quota. */
export async function setWorkspaceLimits(db: Db, workspaceId: string, changes: LimitChanges): Promise<WorkspaceLimits> {
  await db.query('SELECT FROM dbrag.workspaces WHERE id = $1 FOR UPDATE', [workspaceId]);
  const before = await readWorkspaceLimits(db, workspaceId);
  const limits: WorkspaceLimits = {
    ...(changes.quotas === null ? {} : { quotas: { ...before.quotas, ...changes.quotas } }),
    ...(changes.rate_limits === null ? {} : { rate_limits: mergedRates(before.rate_limits, changes.rate_limits) }),
  };
  await db.query('UPDATE dbrag.workspaces SET limits = $2, updated_at = now() WHERE id = $1', [workspaceId, limits]);
  if (changes.quotas) await recountStored(db, workspaceId);
  return limits;
}

function mergedRates(before: RateLimitChoices = {}, changes: RateLimitChoices = {}): RateLimitChoices {
  const classes = Object.entries(changes).map(([name, limits]) => [
    name,
    { ...before[name as keyof RateLimitChoices], ...limits },
  ]);
  return { ...before, ...Object.fromEntries(classes) };
}
