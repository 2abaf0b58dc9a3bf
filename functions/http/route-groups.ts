import type { Route } from './route.ts';

/** Routes that are loaded together. */
export interface RouteGroup {
  /** The beginnings of their paths, as `beginningOf` gives them; no two groups share one. */
  readonly beginnings: readonly string[];
  readonly load: () => Promise<{ readonly routes: readonly Route[] }>;
}

/**
 * A new process loads only the group of its first request: compiling the code of all routes and building their schemas takes nearly half of
 * a cold start's import. The routes of a group use much of the same code.
 */
export const routeGroups: readonly RouteGroup[] = [
  {
    beginnings: ['/v1/collections', '/v1/documents', '/v1/uploads', '/v1/jobs'],
    load: () => import('./routes/groups/documents.ts'),
  },
  {
    beginnings: ['/v1/search', '/v1/queries', '/v1/conversations'],
    load: () => import('./routes/groups/questions.ts'),
  },
  {
    beginnings: ['/v1/connections', '/v1/sql'],
    load: () => import('./routes/groups/databases.ts'),
  },
  {
    beginnings: [
      ...['/v1/workspace', '/v1/workspaces', '/v1/api-keys', '/v1/members', '/v1/analytics', '/v1/indexes'],
      ...['/v1/usage', '/v1/quotas', '/v1/audit-events', '/v1/exports', '/v1/subjects', '/v1/erasures'],
    ],
    load: () => import('./routes/groups/administration.ts'),
  },
  {
    beginnings: ['/health', '/ready', '/v1/rejected-uploads', '/playground', '/docs', '/openapi.json'],
    load: () => import('./routes/groups/service.ts'),
  },
];

/** The part of a path that says to which group it belongs: the first segment, and below `/v1` the second as well. */
export function beginningOf(path: string): string {
  return /^(?:\/v1(?=\/))?\/[^/]*/.exec(path)?.[0] ?? '';
}
