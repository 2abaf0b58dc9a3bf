import type { Db } from '../core/database.ts';
import { timeOfUuid } from '../core/ids.ts';
import { type Page, type PageRequest, pageOf } from '../core/page.ts';
import type { AccessType, AuditOutcome } from './audit.ts';

/** A row of the trail as it is read; `origin` is still sealed. */
export interface TrailRow {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly resource_type: string;
  readonly resource_id: string | null;
  readonly access_type: AccessType;
  readonly outcome: AuditOutcome;
  readonly request_id: string | null;
  readonly holder: string | null;
  readonly origin: Buffer | null;
  /** Of rows that are older than `origin`. */
  readonly ip: string | null;
  readonly user_agent: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
  readonly sealed: boolean;
}

export interface TrailFilter {
  readonly actor?: string | undefined;
  readonly action?: string | undefined;
  readonly resourceType?: string | undefined;
  readonly resourceId?: string | undefined;
  readonly accessType?: AccessType | undefined;
  readonly outcome?: AuditOutcome | undefined;
  readonly requestId?: string | undefined;
  /** UUID of whose key reads the origin. */
  readonly holder?: string | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
}

export const trailColumns = `id, at, actor, action, resource_type, resource_id, access_type, outcome, request_id, holder, origin,
  host(ip) AS ip, user_agent, detail, seal IS NOT NULL AS sealed`;

/** Events of a chain, newest first. The time inside the id leads to the month that it lies in. */
export async function listAuditEvents(
  db: Db,
  workspaceId: string,
  filter: TrailFilter,
  { limit, after }: PageRequest,
): Promise<Page<TrailRow>> {
  const values: unknown[] = [workspaceId, limit + 1];
  const conditions = ['workspace_id = $1'];
  const where = (condition: (parameter: string) => string, value: unknown) => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(condition(`$${values.length}`));
  };
  where((p) => `actor = ${p}`, filter.actor);
  where((p) => `action = ${p}`, filter.action);
  where((p) => `resource_type = ${p}`, filter.resourceType);
  where((p) => `resource_id = ${p}`, filter.resourceId);
  where((p) => `access_type = ${p}`, filter.accessType);
  where((p) => `outcome = ${p}`, filter.outcome);
  where((p) => `request_id = ${p}`, filter.requestId);
  where((p) => `holder = ${p}`, filter.holder);
  where((p) => `at >= ${p}`, filter.from);
  where((p) => `at < ${p}`, filter.to);
  if (after !== undefined) {
    where((p) => `at <= ${p}`, timeOfUuid(after));
    values.push(timeOfUuid(after), after);
    conditions.push(`(at, id) < ($${values.length - 1}::timestamptz, $${values.length}::uuid)`);
  }
  const { rows } = await db.query<TrailRow>(
    `SELECT ${trailColumns} FROM dbrag.audit_events WHERE ${conditions.join(' AND ')} ORDER BY at DESC, id DESC LIMIT $2`,
    values,
  );
  return pageOf(rows, limit);
}
