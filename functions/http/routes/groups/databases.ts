import type { Route } from '../../route.ts';
import { catalogRoutes } from '../catalog.ts';
import { connectionRoutes } from '../connections.ts';
import { sqlRoutes } from '../sql.ts';
import { sqlKnowledgeRoutes } from '../sql-knowledge.ts';

export const routes: readonly Route[] = [...connectionRoutes, ...catalogRoutes, ...sqlKnowledgeRoutes, ...sqlRoutes];
