import type { Clock } from '../core/clock.ts';
import type { Database, Db } from '../core/database.ts';
import { DbragError } from '../core/errors.ts';
import { contentStatements, type Narrowing, statementOfAll, structureStatements } from './integrity-statements.ts';

/** Something that must always hold, and does not. */
export interface Violation {
  /** Which of the promises of `docs/reliability.md`, in words. */
  readonly invariant: string;
  readonly subject: string;
}

export interface IntegrityPorts {
  readonly database: Database;
  readonly clock: Clock;
  /** That one statement looks at, so that it is done in a moment; default 200. */
  readonly documentsAtOnce?: number;
  /** Reads every text and vector, and not those of tonight. */
  readonly everything?: boolean;
  /** Told of a document that was not looked at, because that alone takes too long. */
  readonly onUnseen?: (documentId: string, error: unknown) => void;
}

/** Every text and vector is read once in so many nights. */
const nights = 30;
const millisecondsOfDay = 86_400_000;
const ends = { first: '00000000-0000-0000-0000-000000000000', last: 'ffffffff-ffff-ffff-ffff-ffffffffffff' };

/** Ranges leave no gap, so that rows of documents that are not there are seen as well. */
const inRange: Narrowing = (workspace, document) =>
  `${workspace === null ? '' : `${workspace} = $1 AND `}${document} > $2 AND ${document} <= $3`;
const listed: Narrowing = (workspace, document) =>
  `${workspace === null ? '' : `${workspace} = $1 AND `}${document} = ANY($2)`;
const structure = statementOfAll(structureStatements(inRange));
const content = statementOfAll(contentStatements(listed));

/**
 * Looks whether a workspace's documents are what was promised, newest first, as far as there is time: how their rows belong together of all
 * of them, and what stands in these rows of a thirtieth, another one each night. It holds at every moment, so work may go on meanwhile.
 * A page that takes too long is looked at in halves, so that large documents do not keep the night from those behind them.
 * @returns at most a few of each kind for each page of documents; none when all is well
 */
export async function checkIntegrity(
  { database, clock, documentsAtOnce = 200, everything = false, onUnseen = () => {} }: IntegrityPorts,
  workspaceId: string,
  hasTime: () => boolean = () => true,
): Promise<readonly Violation[]> {
  const tonight = Math.floor(clock.now().getTime() / millisecondsOfDay) % nights;
  const isChosen = (id: string) => everything || Number.parseInt(id.slice(-6), 16) % nights === tonight;
  const violations: Violation[] = [];
  let upTo = ends.last;
  let atOnce = documentsAtOnce;
  while (upTo !== ends.first && hasTime()) {
    try {
      const page = await database.inWorkspace({ workspaceId }, (db) => lookAt(db, workspaceId, upTo, atOnce, isChosen));
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
  return violations;
}

/** One page. @returns also where the next one begins */
async function lookAt(
  db: Db,
  workspaceId: string,
  upTo: string,
  atOnce: number,
  isChosen: (documentId: string) => boolean,
): Promise<{ readonly from: string; readonly found: readonly Violation[] }> {
  // One more than is looked at: the next page begins with it.
  const ids = await documentsUpTo(db, workspaceId, upTo, atOnce + 1);
  const from = ids[atOnce] ?? ends.first;
  const found = [...(await db.query<Violation>(structure, [workspaceId, from, upTo])).rows];
  const chosen = ids.filter((id) => id > from && isChosen(id));
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
