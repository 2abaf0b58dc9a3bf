import { Conditions } from '../core/conditions.ts';
import type { Db } from '../core/database.ts';
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

const trailColumns = `id, at, actor, action, resource_type, resource_id, access_type, outcome, request_id, holder, origin,
  host(ip) AS ip, user_agent, detail, seal IS NOT NULL AS sealed`;

/** Events of a chain, newest first. The time inside the id leads to the month that it lies in. */
export async function listAuditEvents(
  db: Db,
  workspaceId: string,
  filter: TrailFilter,
  { limit, after }: PageRequest,
): Promise<Page<TrailRow>> {
  const conditions = new Conditions([workspaceId, limit + 1], 'workspace_id = $1');
  conditions.where((p) => `actor = ${p}`, filter.actor);
  conditions.where((p) => `action = ${p}`, filter.action);
  conditions.where((p) => `resource_type = ${p}`, filter.resourceType);
  conditions.where((p) => `resource_id = ${p}`, filter.resourceId);
  conditions.where((p) => `access_type = ${p}`, filter.accessType);
  conditions.where((p) => `outcome = ${p}`, filter.outcome);
  conditions.where((p) => `request_id = ${p}`, filter.requestId);
  conditions.where((p) => `holder = ${p}`, filter.holder);
  conditions.where((p) => `at >= ${p}`, filter.from);
  conditions.where((p) => `at < ${p}`, filter.to);
  conditions.olderThan('at', after);
  const { rows } = await db.query<TrailRow>(
    `SELECT ${trailColumns} FROM dbrag.audit_events WHERE ${conditions} ORDER BY at DESC, id DESC LIMIT $2`,
    conditions.values,
  );
  return pageOf(rows, limit);
}
