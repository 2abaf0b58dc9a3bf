import type { RequestOrigin } from '../core/caller.ts';
import type { Db } from '../core/database.ts';

/** One line of the audit trail: who did what to which resource. */
export interface AuditEntry {
  /** `document.create`, `api_key.revoke`: the resource and the verb. */
  readonly action: string;
  readonly resourceType: string;
  /** Public id. */
  readonly resourceId: string | null;
  readonly accessType?: 'write' | 'data_access' | 'security';
  readonly outcome?: 'success' | 'failure' | 'denied';
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Writes the row in the transaction of what it tells of: neither stands without the other. */
export async function recordAudit(
  db: Db,
  workspaceId: string,
  actor: string,
  origin: RequestOrigin,
  entries: readonly AuditEntry[],
): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map((entry) => ({
    action: entry.action,
    resource_type: entry.resourceType,
    resource_id: entry.resourceId,
    access_type: entry.accessType ?? 'write',
    outcome: entry.outcome ?? 'success',
    detail: entry.detail ?? {},
  }));
  await db.query(
    `INSERT INTO dbrag.audit_events (workspace_id, actor, action, resource_type, resource_id, access_type, ip, user_agent, request_id, outcome, detail)
     SELECT $1, $2, e.action, e.resource_type, e.resource_id, e.access_type, $3::inet, left($4, 512), $5, e.outcome, e.detail
     FROM jsonb_to_recordset($6::jsonb) AS e (action text, resource_type text, resource_id text, access_type text, outcome text, detail jsonb)`,
    [workspaceId, actor, origin.ip, origin.userAgent, origin.requestId, JSON.stringify(rows)],
  );
}
