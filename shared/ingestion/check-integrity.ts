import type { Database, Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { contentStatements, type Narrowing, statementOfAll, structureStatements } from './integrity-statements.ts';

/** An invariant that does not hold. */
export interface Violation {
  /** Which of the promises of `docs/reliability.md`, in words. */
  readonly invariant: string;
  readonly subject: string;
}

export interface IntegrityPorts {
  readonly database: Database;
  /** Documents that one statement checks, few enough that it ends quickly; default 200. */
  readonly documentsAtOnce?: number;
  /** Called for a document that was not checked, because it alone takes too long. */
  readonly onUnseen?: (documentId: string, error: unknown) => void;
}

export interface IntegrityScope {
  /** UUID of the document to begin at; null: at the newest. */
  readonly upTo: string | null;
  /** As the call before reported it; default all that one statement may look at. */
  readonly atOnce?: number;
  /** The documents of which every text and vector is read. */
  readonly isRead: (documentId: string) => boolean;
}

export interface IntegrityReport {
  /** At most a few of each kind for each page of documents; none when all is well. */
  readonly violations: readonly Violation[];
  /** Where to continue; null: finished. */
  readonly next: string | null;
  /** Documents that the next statement should check: fewer while pages take too long. */
  readonly atOnce: number;
}

const ends = { first: '00000000-0000-0000-0000-000000000000', last: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

/** Ranges leave no gap, so that rows of documents that no longer exist are found too. */
const inRange: Narrowing = (workspace, document) =>
  `${workspace === null ? '' : `${workspace} = $1 AND `}${document} > $2 AND ${document} <= $3`;
const listed: Narrowing = (workspace, document) =>
  `${workspace === null ? '' : `${workspace} = $1 AND `}${document} = ANY($2)`;
const structure = statementOfAll(structureStatements(inRange));
const content = statementOfAll(contentStatements(listed));

/**
 * Checks that a workspace's documents are what was promised, newest first, as far as time allows: that their rows fit together, and for
 * some of them the content of these rows. The invariants hold at every moment, so work may go on meanwhile. A page that takes too long is
 * checked in halves, so that large documents do not keep the night from those behind them.
 */
export async function checkIntegrity(
  { database, documentsAtOnce = 200, onUnseen = () => {} }: IntegrityPorts,
  workspaceId: string,
  scope: IntegrityScope,
  hasTime: () => boolean = () => true,
): Promise<IntegrityReport> {
  const violations: Violation[] = [];
  let upTo = scope.upTo ?? ends.last;
  let atOnce = Math.min(documentsAtOnce, scope.atOnce ?? documentsAtOnce);
  while (upTo !== ends.first && hasTime()) {
    try {
      const page = await database.inWorkspace({ workspaceId }, (db) =>
        lookAt(db, workspaceId, upTo, atOnce, scope.isRead),
      );
      violations.push(...page.found);
      upTo = page.from;
      atOnce = Math.min(documentsAtOnce, atOnce * 2);
    } catch (error) {
      if (!(error instanceof DbragError && error.code === 'timeout')) throw error;
      if (atOnce > 1) {
        atOnce = Math.floor(atOnce / 2);
        continue;
      }
      const [document, from = ends.first] = await database.inWorkspace({ workspaceId }, (db) =>
        documentsUpTo(db, workspaceId, upTo, 2),
      );
      if (document) onUnseen(document, error);
      upTo = from;
    }
  }
  return { violations, next: upTo === ends.first ? null : upTo, atOnce };
}

/** One page. @returns also where the next one begins */
async function lookAt(
  db: Db,
  workspaceId: string,
  upTo: string,
  atOnce: number,
  isRead: (documentId: string) => boolean,
): Promise<{ readonly from: string; readonly found: readonly Violation[] }> {
  // One more than is checked: the next page begins with it.
  const ids = await documentsUpTo(db, workspaceId, upTo, atOnce + 1);
  const from = ids[atOnce] ?? ends.first;
  const found = [...(await db.query<Violation>(structure, [workspaceId, from, upTo])).rows];
  const chosen = ids.filter((id) => id > from && isRead(id));
  if (chosen.length > 0) found.push(...(await db.query<Violation>(content, [workspaceId, chosen])).rows);
  return { from, found };
}

async function documentsUpTo(db: Db, workspaceId: string, upTo: string, limit: number): Promise<readonly string[]> {
  const { rows } = await db.query<{ id: string }>(
    'SELECT id FROM dbrag.documents WHERE workspace_id = $1 AND id <= $2 ORDER BY id DESC LIMIT $3',
    [workspaceId, upTo, limit],
  );
  return rows.map(({ id }) => id);
}
