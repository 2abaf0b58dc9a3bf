import { getPath } from 'hono/utils/url';
import { type Application, createApplication } from './application.ts';
import { beginningOf, type RouteGroup } from './route-groups.ts';

/**
 * As `createApplication` with all routes of the groups, each of which is loaded with the first request that concerns it. A group that could not be
 * loaded fails that request only, and is loaded again by the next. If that fails too, the process is ended: Node keeps a module that failed
 * while it was evaluated, so the group would stay away as long as the process lives.
 * @param endProcess its promise is given in place of an answer
 */
export function createGroupedApplication(
  groups: readonly RouteGroup[],
  endProcess: (error: unknown) => Promise<never> = throwUncaught,
): Application {
  const elsewhere = createApplication([]);
  const applications = new Map<RouteGroup, Promise<Application>>();
  const failed = new Set<RouteGroup>();
  const groupOf = new Map(groups.flatMap((group) => group.beginnings.map((beginning) => [beginning, group] as const)));

  async function load(group: RouteGroup): Promise<Application> {
    try {
      return createApplication((await group.load()).routes);
    } catch (error) {
      if (failed.has(group)) return endProcess(error);
      failed.add(group);
      applications.delete(group);
      throw error;
    }
  }

  function applicationOf(group: RouteGroup): Promise<Application> {
    let application = applications.get(group);
    if (application === undefined) {
      application = load(group);
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

/**
 * Ends the process as every exception does that nobody can catch; its request is answered 502. Behind an answer it could only be ended in the middle of
 * the next request, since the environment is frozen in between.
 */
function throwUncaught(error: unknown): Promise<never> {
  setImmediate(() => {
    throw error;
  });
  return new Promise(() => {});
}
