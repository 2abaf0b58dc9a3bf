import { httpFunction } from '../runtime/http-function.ts';
import { createGroupedApplication } from './grouped-application.ts';
import { routeGroups } from './route-groups.ts';

export const handler = httpFunction(createGroupedApplication(routeGroups));
