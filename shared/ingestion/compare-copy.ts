import { systemChain } from '../access/audit.ts';
import { type TrailPlace, verifyTrail } from '../access/verify-trail.ts';
import { walkWorkspaces } from '../access/walk-workspaces.ts';
import { checkIntegrity } from './check-integrity.ts';
import { type CountsPlace, compareCounts } from './compare-counts.ts';
import { type CopyPorts, compareDocuments, isErased } from './compare-documents.ts';

/** Where another call continues. */
export interface CopyPlace {
  /** UUID of the current workspace. */
  readonly workspaceId: string;
  /** What is left of it; null: the workspace is done. */
  readonly rest: DocumentsLeft | CountsLeft | IntegrityLeft | TrailLeft | null;
}

/** Its documents are still held against the source's. */
interface DocumentsLeft {
  readonly of: 'documents';
  /** UUID. */
  readonly upTo: string;
}

/** Its rows are still counted, table by table. */
interface CountsLeft {
  readonly of: 'counts';
  readonly counts: CountsPlace | null;
}

/** The copy by itself is still looked at. */
interface IntegrityLeft {
  readonly of: 'integrity';
  /** UUID; null: all. */
  readonly upTo: string | null;
  /** Documents of one statement. */
  readonly atOnce: number;
}

/** All workspaces are done, and the copy's audit trail is still verified. */
interface TrailLeft {
  readonly of: 'trail';
  readonly trail: TrailPlace | null;
}

/** The findings of one call; those of all calls are added up. */
export interface CopyReport {
  readonly workspaces: number;
  readonly documents: { readonly same: number; readonly changed: number; readonly deleted: number };
  /** Rows by table: of texts, places and vectors those that were compared, of other tables those that are older than the moment. */
  readonly tables: Readonly<Record<string, { readonly source: number; readonly copy: number }>>;
  /** What is wrong with the copy, in words. */
  readonly faults: readonly string[];
  /** Null: everything was compared. */
  readonly next: CopyPlace | null;
}

const mostFaults = 50;
/** Whose integrity one statement looks at, in full. */
const documentsAtOnce = 50;

/**
 * Looks whether a copy of the database holds what the database held at its moment: documents are compared with the source's one by one, other rows are
 * counted, and the copy by itself keeps the promises of documents and of the audit trail. Reads only, while work goes on in the source.
 * @param hasTime asked between pages and slices of everything: false leaves the rest to another call
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
  let [workspaces, same, changed, deleted] = [0, 0, 0, 0];
  const report = (next: CopyPlace | null): CopyReport => ({
    workspaces,
    documents: { same, changed, deleted },
    tables,
    faults: faults.slice(0, mostFaults),
    next,
  });

  type Rest = CopyPlace['rest'];
  const lookAtDocuments = async (workspaceId: string, upTo: string | null): Promise<Rest> => {
    const found = await compareDocuments(ports, workspaceId, upTo, hasTime);
    same += found.same;
    changed += found.changed;
    deleted += found.deleted;
    for (const [table, rows] of Object.entries(found.rows)) add(`dbrag.${table}, compared`, rows, rows);
    const of = (id: string) => `document ${id} of workspace ${workspaceId}`;
    faults.push(...found.differing.map((id) => `${of(id)} is another, or missing`));
    faults.push(...found.extra.map((id) => `${of(id)} is only in the copy, and nothing says that it was deleted`));
    if (found.isErased) return null;
    if (found.next !== null) return { of: 'documents', upTo: found.next };
    const rest = { of: 'counts', counts: null } as const;
    return hasTime() ? lookAtCounts(workspaceId, rest) : rest;
  };
  const lookAtCounts = async (workspaceId: string, { counts: left }: CountsLeft): Promise<Rest> => {
    const found = await compareCounts(ports, workspaceId, { place: left, hasTime });
    for (const { table, source: here, copy: there, lost } of found.counts) {
      add(table, here, there);
      if (lost) faults.push(`${here - there} rows of ${table} of workspace ${workspaceId} are missing`);
    }
    if (found.next !== null) return { of: 'counts', counts: found.next };
    const rest = { of: 'integrity', upTo: null, atOnce: documentsAtOnce } as const;
    return hasTime() ? lookAtIntegrity(workspaceId, rest) : rest;
  };
  const lookAtIntegrity = async (workspaceId: string, { upTo, atOnce }: IntegrityLeft): Promise<Rest> => {
    const onUnseen = (id: string) =>
      faults.push(`document ${id} of workspace ${workspaceId} was not looked at: it alone takes too long`);
    let isFirst = true;
    const found = await checkIntegrity(
      { database: copy, documentsAtOnce, onUnseen },
      workspaceId,
      { upTo, atOnce, isRead: () => true },
      // One page, or half of one that took too long, is done by every call: so calls come to an end.
      () => {
        const goesOn = isFirst || hasTime();
        isFirst = false;
        return goesOn;
      },
    );
    for (const { invariant, subject } of found.violations)
      faults.push(`${invariant}: ${subject} of workspace ${workspaceId}`);
    if (found.next !== null) return { of: 'integrity', upTo: found.next, atOnce: found.atOnce };
    workspaces += 1;
    return null;
  };

  const lookAtTrail = async (workspaceId: string, { trail: left }: TrailLeft): Promise<CopyReport> => {
    const trail = await verifyTrail({ database: copy, roots: null, hasTime }, left);
    faults.push(...trail.faults.map((fault) => `audit trail of ${fault.workspaceId}: ${fault.message}`));
    return report(trail.next && { workspaceId, rest: { of: 'trail', trail: trail.next } });
  };
  const goOn = async (workspaceId: string, left: Exclude<Rest, TrailLeft | null>): Promise<Rest> => {
    if (await isErased(source, workspaceId)) return null;
    if (left.of === 'documents') return lookAtDocuments(workspaceId, left.upTo);
    return left.of === 'counts' ? lookAtCounts(workspaceId, left) : lookAtIntegrity(workspaceId, left);
  };

  let workspaceId = place?.workspaceId;
  if (workspaceId !== undefined && place?.rest) {
    if (place.rest.of === 'trail') return lookAtTrail(workspaceId, place.rest);
    const rest = await goOn(workspaceId, place.rest);
    if (rest !== null || !hasTime()) return report({ workspaceId, rest });
  }
  // Those of the source: one that the copy lacks is missing, if it is older than the moment.
  for await (workspaceId of walkWorkspaces(source, workspaceId)) {
    const rest = await lookAtDocuments(workspaceId, null);
    if (rest !== null || !hasTime()) return report({ workspaceId, rest });
  }
  return lookAtTrail(workspaceId ?? systemChain, { of: 'trail', trail: null });
}
