import type { Route } from '../../route.ts';
import { contractRoutes } from '../contract.ts';
import { playgroundRoutes } from '../playground.ts';
import { serviceRoutes } from '../service.ts';

export const routes: readonly Route[] = [
  ...serviceRoutes,
  ...playgroundRoutes,
  ...contractRoutes(async () => (await import('../index.ts')).describedRoutes),
];
