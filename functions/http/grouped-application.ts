import { getPath } from 'hono/utils/url';
import { type Application, createApplication } from './application.ts';
import { beginningOf, type RouteGroup } from './route-groups.ts';

/** As `createApplication` with all routes of the groups, each of which is loaded with the first request that concerns it. */
export function createGroupedApplication(groups: readonly RouteGroup[]): Application {
  const elsewhere = createApplication([]);
  const applications = new Map<RouteGroup, Promise<Application>>();
  const groupOf = new Map(groups.flatMap((group) => group.beginnings.map((beginning) => [beginning, group] as const)));

  function applicationOf(group: RouteGroup): Promise<Application> {
    let application = applications.get(group);
    if (application === undefined) {
      application = group.load().then(({ routes }) => createApplication(routes));
      applications.set(group, application);
    }
    return application;
  }

  return async (request, bindings) => {
    // What a browser asks beforehand concerns no route. The path is read as the router reads it.
    const group = request.method === 'OPTIONS' ? undefined : groupOf.get(beginningOf(getPath(request as Request)));
    const application = group === undefined ? elsewhere : await applicationOf(group);
    return application(request, bindings);
  };
}
