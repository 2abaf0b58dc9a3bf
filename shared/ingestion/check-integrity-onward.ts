import { checkIntegrity, type IntegrityPorts, type Violation } from './check-integrity.ts';

export interface OnwardPorts extends IntegrityPorts {
  /** Called before the position is stored: a crash in between reports twice, never not at all. */
  readonly onFound: (violations: readonly Violation[]) => void;
}

/** Each text and vector is read once in this many rounds. */
export const contentRounds = 30;

interface Place {
  readonly upTo: string | null;
  readonly round: number;
}

/**
 * Checks a workspace's documents from where the night before stopped, as far as time allows: for all, that their rows fit together; for a
 * thirtieth, a different one each round, also the content of these rows. After a round that began on another night, a whole one follows.
 */
export async function checkIntegrityOnward(
  ports: OnwardPorts,
  workspaceId: string,
  hasTime: () => boolean = () => true,
): Promise<void> {
  const began = await readPlace(ports, workspaceId);
  const next = await goOn(ports, workspaceId, began, hasTime);
  if (began.upTo !== null && next.upTo === null && hasTime()) await goOn(ports, workspaceId, next, hasTime);
}

async function goOn(
  ports: OnwardPorts,
  workspaceId: string,
  { upTo, round }: Place,
  hasTime: () => boolean,
): Promise<Place> {
  const isRead = (id: string): boolean => Number.parseInt(id.slice(-6), 16) % contentRounds === round % contentRounds;
  const { violations, next } = await checkIntegrity(ports, workspaceId, { upTo, isRead }, hasTime);
  if (violations.length > 0) ports.onFound(violations);
  const place = next === null ? { upTo: null, round: round + 1 } : { upTo: next, round };
  await ports.database.inWorkspace({ workspaceId }, (db) =>
    db.query('UPDATE dbrag.corpus_statistics SET integrity_up_to = $2, integrity_round = $3 WHERE workspace_id = $1', [
      workspaceId,
      place.upTo,
      place.round,
    ]),
  );
  return place;
}

async function readPlace({ database }: OnwardPorts, workspaceId: string): Promise<Place> {
  const { rows } = await database.inWorkspace({ workspaceId }, (db) =>
    db.query<Place>(
      'SELECT integrity_up_to AS "upTo", integrity_round AS round FROM dbrag.corpus_statistics WHERE workspace_id = $1',
      [workspaceId],
    ),
  );
  return rows[0] ?? { upTo: null, round: 0 };
}
