import type { Database } from '../core/database.ts';

const workspacesAtOnce = 100;

/**
 * The ids of all workspaces, in descending order: for what has to be done in each of them. Holds no transaction in between.
 * @param from only those after this one, which may have been erased
 */
export async function* walkWorkspaces(database: Database, from?: string): AsyncGenerator<string> {
  let after: string | null = from ?? null;
  for (;;) {
    const page: readonly { id: string }[] = (
      await database.inSystem((db) =>
        db.query<{ id: string }>('SELECT id FROM dbrag.walk_workspaces($1, $2)', [after, workspacesAtOnce]),
      )
    ).rows;
    for (const { id } of page) yield id;
    after = page.at(-1)?.id ?? null;
    if (page.length < workspacesAtOnce) return;
  }
}
