import type { Route } from '../../route.ts';
import { conversationRoutes } from '../conversations.ts';
import { queryRoutes } from '../queries.ts';
import { searchRoutes } from '../search.ts';

export const routes: readonly Route[] = [...searchRoutes, ...queryRoutes, ...conversationRoutes];
