import { publicId } from '../../../shared/core/ids.ts';
import type { Collection, CollectionCounts } from '../../../shared/ingestion/collections.ts';

export function collectionView(collection: Collection) {
  return {
    id: publicId('collection', collection.id),
    object: 'collection' as const,
    name: collection.name,
    description: collection.description ?? '',
    metadata: collection.metadata,
    chunking: collection.chunking,
    created_at: collection.created_at.toISOString(),
    updated_at: collection.updated_at.toISOString(),
  };
}

export function collectionWithCountsView(collection: Collection, counts: CollectionCounts) {
  return { ...collectionView(collection), ...counts };
}
