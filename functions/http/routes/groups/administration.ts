import type { Route } from '../../route.ts';
import { analyticsRoutes } from '../analytics.ts';
import { apiKeyRoutes } from '../api-keys.ts';
import { auditEventRoutes } from '../audit-events.ts';
import { indexRoutes } from '../indexes.ts';
import { memberRoutes } from '../members.ts';
import { privacyRoutes } from '../privacy.ts';
import { usageRoutes } from '../usage.ts';
import { workspaceRoutes } from '../workspaces.ts';

export const routes: readonly Route[] = [
  ...workspaceRoutes,
  ...apiKeyRoutes,
  ...memberRoutes,
  ...analyticsRoutes,
  ...indexRoutes,
  ...usageRoutes,
  ...auditEventRoutes,
  ...privacyRoutes,
];
