import { createHash } from 'node:crypto';
import { recordAudit } from '../../shared/access/audit.ts';
import type { StatementRecord } from '../../shared/answering/database-leg.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { publicId } from '../../shared/core/ids.ts';
import type { RouteContext } from './route.ts';

/** The length to which the audit trail truncates a statement; the hash covers all of it. */
const keptCharacters = 4_000;

/** Records what is about to happen to a statement against a customer's database, in a transaction that commits before it happens. */
export async function recordStatement(
  { caller, services, origin }: Pick<RouteContext<unknown, unknown, Caller>, 'caller' | 'services' | 'origin'>,
  { action, outcome, connectionId, statement, ...detail }: StatementRecord,
): Promise<void> {
  const entry = {
    action,
    resourceType: 'connection',
    resourceId: publicId('connection', connectionId),
    accessType: 'data_access' as const,
    outcome,
    detail: {
      sql: statement.toWellFormed().replaceAll('\0', '').slice(0, keptCharacters),
      sha256: createHash('sha256').update(statement).digest('hex'),
      ...detail,
    },
  };
  if (outcome === 'denied') services.log.statementRefused();
  await services.database.inWorkspace(caller, (db) =>
    recordAudit(db, caller.workspaceId, caller.actor, origin, [entry]),
  );
}
