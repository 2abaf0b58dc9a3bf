import { streamFunction } from '../runtime/stream-function.ts';
import { createGroupedApplication } from './grouped-application.ts';
import { routeGroups } from './route-groups.ts';

/** The same API; API Gateway sends it the routes whose answers may be streams. */
export const handler = streamFunction(createGroupedApplication(routeGroups));
