import type { Route } from '../route.ts';
import { analyticsRoutes } from './analytics.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { auditEventRoutes } from './audit-events.ts';
import { catalogRoutes } from './catalog.ts';
import { collectionRoutes } from './collections.ts';
import { connectionRoutes } from './connections.ts';
import { contractRoutes } from './contract.ts';
import { conversationRoutes } from './conversations.ts';
import { documentRoutes } from './documents.ts';
import { embedCollectionRoutes } from './embed-collection.ts';
import { indexRoutes } from './indexes.ts';
import { jobEventRoutes } from './job-events.ts';
import { jobRoutes } from './jobs.ts';
import { memberRoutes } from './members.ts';
import { playgroundRoutes } from './playground.ts';
import { privacyRoutes } from './privacy.ts';
import { queryRoutes } from './queries.ts';
import { searchRoutes } from './search.ts';
import { serviceRoutes } from './service.ts';
import { sqlRoutes } from './sql.ts';
import { sqlKnowledgeRoutes } from './sql-knowledge.ts';
import { uploadRoutes } from './uploads.ts';
import { usageRoutes } from './usage.ts';
import { workspaceRoutes } from './workspaces.ts';

/** Every route but those that show the contract. */
export const describedRoutes: readonly Route[] = [
  ...serviceRoutes,
  ...playgroundRoutes,
  ...workspaceRoutes,
  ...apiKeyRoutes,
  ...memberRoutes,
  ...collectionRoutes,
  ...embedCollectionRoutes,
  ...documentRoutes,
  ...uploadRoutes,
  ...jobRoutes,
  ...jobEventRoutes,
  ...searchRoutes,
  ...queryRoutes,
  ...conversationRoutes,
  ...connectionRoutes,
  ...catalogRoutes,
  ...sqlKnowledgeRoutes,
  ...sqlRoutes,
  ...analyticsRoutes,
  ...indexRoutes,
  ...usageRoutes,
  ...auditEventRoutes,
  ...privacyRoutes,
];

/** Every route of the API: what is checked against roles, and described. It is served by groups (`route-groups.ts`). */
export const apiRoutes: readonly Route[] = [...describedRoutes, ...contractRoutes(async () => describedRoutes)];
