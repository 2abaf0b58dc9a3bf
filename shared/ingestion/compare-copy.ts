import { verifyTrail } from '../access/verify-trail.ts';
import { walkWorkspaces } from '../access/walk-workspaces.ts';
import { checkIntegrity } from './check-integrity.ts';
import { compareCounts } from './compare-counts.ts';
import { type CopyPorts, compareDocuments } from './compare-documents.ts';

/** Where another call continues. */
export interface CopyPlace {
  /** UUID of the current workspace. */
  readonly workspaceId: string;
  /** Of its documents; null: the workspace is done. */
  readonly upTo: string | null;
}

/** The findings of one call; those of all calls are added up. */
export interface CopyReport {
  readonly workspaces: number;
  readonly documents: { readonly same: number; readonly changed: number };
  /** Rows by table: of texts, places and vectors those that were compared, of other tables those that are older than the moment. */
  readonly tables: Readonly<Record<string, { readonly source: number; readonly copy: number }>>;
  /** What is wrong with the copy, in words. */
  readonly faults: readonly string[];
  /** Null: everything was compared. */
  readonly next: CopyPlace | null;
}

const mostFaults = 50;

/**
 * Looks whether a copy of the database holds what the database held at its moment: documents are compared with the source's one by one, other rows are
 * counted, and the copy by itself keeps the promises of documents and of the audit trail. Reads only, while work goes on in the source.
 * @param hasTime asked between pages: false leaves the rest to another call
 */
export async function compareCopy(
  ports: CopyPorts,
  place: CopyPlace | null,
  hasTime: () => boolean,
): Promise<CopyReport> {
  const { source, copy } = ports;
  const faults: string[] = [];
  const tables: Record<string, { source: number; copy: number }> = {};
  const add = (table: string, here: number, there: number) => {
    const sum = tables[table] ?? { source: 0, copy: 0 };
    tables[table] = { source: sum.source + here, copy: sum.copy + there };
  };
  let [workspaces, same, changed] = [0, 0, 0];
  const report = (next: CopyPlace | null): CopyReport => ({
    workspaces,
    documents: { same, changed },
    tables,
    faults: faults.slice(0, mostFaults),
    next,
  });

  const look = async (workspaceId: string, upTo: string | null): Promise<string | null> => {
    const found = await compareDocuments(ports, workspaceId, upTo, hasTime);
    same += found.same;
    changed += found.changed;
    for (const [table, rows] of Object.entries(found.rows)) add(`dbrag.${table}, compared`, rows, rows);
    faults.push(...found.differing.map((id) => `document ${id} of workspace ${workspaceId} is another, or missing`));
    if (found.next !== null) return found.next;
    for (const { table, source: here, copy: there, lost } of await compareCounts(ports, workspaceId)) {
      add(table, here, there);
      if (lost) faults.push(`${here - there} rows of ${table} of workspace ${workspaceId} are missing`);
    }
    const all = { upTo: null, isRead: () => true };
    const { violations } = await checkIntegrity({ database: copy }, workspaceId, all);
    faults.push(...violations.map(({ invariant, subject }) => `${invariant}: ${subject} of workspace ${workspaceId}`));
    workspaces += 1;
    return null;
  };

  if (place !== null && place.upTo !== null) {
    const upTo = await look(place.workspaceId, place.upTo);
    if (upTo !== null || !hasTime()) return report({ workspaceId: place.workspaceId, upTo });
  }
  // Those of the source: one that the copy lacks is missing, if it is older than the moment.
  for await (const workspaceId of walkWorkspaces(source, place?.workspaceId)) {
    const upTo = await look(workspaceId, null);
    if (upTo !== null || !hasTime()) return report({ workspaceId, upTo });
  }
  const trail = await verifyTrail({ database: copy, roots: null });
  faults.push(...trail.faults.map(({ workspaceId, message }) => `audit trail of ${workspaceId}: ${message}`));
  return report(null);
}
