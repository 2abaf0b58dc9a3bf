import type { Narrowing } from '../../shared/core/caller.ts';
import type { Db } from '../../shared/core/database.ts';
import { parsePublicId } from '../../shared/core/ids.ts';
import { requireConnections } from '../../shared/databases/connections.ts';
import { requireCollections } from '../../shared/ingestion/collections.ts';

/** The narrowing that a request for a key or a member asks for. @throws not_found for an invalid id */
export function narrowingOf(body: {
  readonly collection_ids?: readonly string[] | null | undefined;
  readonly connection_ids?: readonly string[] | null | undefined;
}): Narrowing {
  return {
    collectionIds: body.collection_ids?.map((id) => parsePublicId('collection', id)) ?? null,
    connectionIds: body.connection_ids?.map((id) => parsePublicId('connection', id)) ?? null,
  };
}

/** @throws not_found unless each collection and connection is one that this transaction sees */
export async function requireNarrowing(db: Db, workspaceId: string, narrowing: Narrowing): Promise<void> {
  if (narrowing.collectionIds) await requireCollections(db, workspaceId, narrowing.collectionIds);
  if (narrowing.connectionIds) await requireConnections(db, workspaceId, narrowing.connectionIds);
}
