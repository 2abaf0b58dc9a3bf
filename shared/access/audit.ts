import type { RequestOrigin } from '../core/caller.ts';
import type { Db } from '../core/database.ts';
import { newUuid, timeOfUuid } from '../core/ids.ts';

/** One line of the audit trail: who did what to which resource. */
export interface AuditEntry {
  /** `document.create`, `api_key.revoke`: the resource and the verb. */
  readonly action: string;
  readonly resourceType: string;
  /** Public id. */
  readonly resourceId: string | null;
  readonly accessType?: AccessType;
  readonly outcome?: AuditOutcome;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export type AccessType = 'write' | 'data_access' | 'security';
export type AuditOutcome = 'success' | 'failure' | 'denied';

/** A row of the trail, as it is written. */
export interface AuditEvent {
  /** UUIDv7 with the time of the event. Writing it twice stores it once. */
  readonly id: string;
  readonly actor: string;
  readonly action: string;
  readonly resource_type: string;
  readonly resource_id: string | null;
  readonly access_type: AccessType;
  readonly outcome: AuditOutcome;
  readonly request_id: string | null;
  /** Whose key reads `origin`. */
  readonly holder: string | null;
  /** Who called and from where, as ciphertext in base64. */
  readonly origin: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** The chain of events that belong to no workspace: the operator's, and refused requests. */
export const systemChain = '00000000-0000-0000-0000-000000000000';

/** Writes the audit row in the transaction of the change it describes: neither exists without the other. */
export async function recordAudit(
  db: Db,
  workspaceId: string,
  actor: string,
  origin: RequestOrigin,
  entries: readonly AuditEntry[],
): Promise<void> {
  await insertAuditEvents(
    db,
    workspaceId,
    entries.map((entry) => auditEvent(workspaceId, actor, origin, entry)),
  );
}

export function auditEvent(workspaceId: string, actor: string, origin: RequestOrigin, entry: AuditEntry): AuditEvent {
  // Ciphertext of one workspace cannot be read in another.
  const sealed = origin.sealed?.workspaceId === workspaceId ? origin.sealed : undefined;
  return {
    id: newUuid(),
    actor,
    action: entry.action,
    resource_type: entry.resourceType,
    resource_id: entry.resourceId,
    access_type: entry.accessType ?? 'write',
    outcome: entry.outcome ?? 'success',
    request_id: origin.requestId,
    holder: sealed?.holder ?? null,
    origin: sealed?.bytes.toString('base64') ?? null,
    detail: entry.detail ?? {},
  };
}

/** Writes rows of one chain. An existing row is left as it is. */
export async function insertAuditEvents(db: Db, workspaceId: string, events: readonly AuditEvent[]): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map((event) => ({ ...event, at: timeOfUuid(event.id).toISOString() }));
  await db.query(
    `INSERT INTO dbrag.audit_events (workspace_id, at, id, actor, action, resource_type, resource_id, access_type, outcome,
       request_id, holder, origin, detail)
     SELECT $1, e.at, e.id, e.actor, e.action, e.resource_type, e.resource_id, e.access_type, e.outcome,
       e.request_id, e.holder, decode(e.origin, 'base64'), e.detail
     FROM jsonb_to_recordset($2::jsonb) AS e (at timestamptz, id uuid, actor text, action text, resource_type text, resource_id text,
       access_type text, outcome text, request_id text, holder uuid, origin text, detail jsonb)
     ON CONFLICT (workspace_id, at, id) DO NOTHING`,
    [workspaceId, JSON.stringify(rows)],
  );
}
