import type { Route } from '../../route.ts';
import { collectionRoutes } from '../collections.ts';
import { documentRoutes } from '../documents.ts';
import { embedCollectionRoutes } from '../embed-collection.ts';
import { jobEventRoutes } from '../job-events.ts';
import { jobRoutes } from '../jobs.ts';
import { uploadRoutes } from '../uploads.ts';

export const routes: readonly Route[] = [
  ...collectionRoutes,
  ...embedCollectionRoutes,
  ...documentRoutes,
  ...uploadRoutes,
  ...jobRoutes,
  ...jobEventRoutes,
];
