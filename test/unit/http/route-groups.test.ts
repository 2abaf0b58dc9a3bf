import { describe, expect, it } from 'vitest';
import type { Bindings } from '../../../functions/http/application.ts';
import { createGroupedApplication } from '../../../functions/http/grouped-application.ts';
import { defineRoute, ok } from '../../../functions/http/route.ts';
import { beginningOf, routeGroups } from '../../../functions/http/route-groups.ts';
import { apiRoutes } from '../../../functions/http/routes/index.ts';

const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

describe('the groups of routes', () => {
  it('hold every route once', async () => {
    const served = await Promise.all(routeGroups.map(async ({ load }) => (await load()).routes));
    expect(served.flat().map(nameOf).sort()).toEqual(apiRoutes.map(nameOf).sort());
  });

  it('are told apart by how the paths of their routes begin', async () => {
    for (const { beginnings, load } of routeGroups) {
      const found = (await load()).routes.map(({ path }) => beginningOf(path));
      expect([...new Set(found)].sort()).toEqual([...beginnings].sort());
    }
    const all = routeGroups.flatMap(({ beginnings }) => beginnings);
    expect(new Set(all).size).toBe(all.length);
    expect(all.filter((beginning) => beginning.includes('{'))).toEqual([]);
  });
});

describe('an application of groups', () => {
  const route = { tag: 'x', access: 'anyone', rate: 'none', summary: 'x' } as const;
  const success = { status: 200, description: 'x' };
  const loaded: string[] = [];
  const groupOf = (name: string) => ({
    beginnings: [`/v1/${name}`],
    async load() {
      loaded.push(name);
      const path = `/v1/${name}/{id}`;
      return {
        routes: [
          defineRoute({ ...route, success, method: 'GET', path, handle: async ({ parameters }) => ok(parameters) }),
        ],
      };
    },
  });
  const application = createGroupedApplication([groupOf('stars'), groupOf('moons')]);
  const bindings = {
    services: { config: { corsOrigins: ['*'] }, log: { requestFailed: () => {} } },
    origin: { requestId: 'request-1', ip: null, userAgent: null },
    routed: () => {},
  } as unknown as Bindings;
  const ask = (method: string, path: string) =>
    application(new Request(`http://api${path}`, { method, headers: { origin: 'https://page' } }), bindings);

  it('loads nothing for a path that no group has, and for what a browser asks beforehand', async () => {
    expect((await ask('GET', '/v1/suns/1')).status).toBe(404);
    expect((await ask('GET', '/stars/1')).status).toBe(404);
    expect((await ask('GET', '/v1')).status).toBe(404);
    expect((await ask('OPTIONS', '/v1/stars/1')).status).toBe(204);
    expect(loaded).toEqual([]);
  });

  it('loads a group once, when one of its routes is asked for', async () => {
    const answers = await Promise.all([ask('GET', '/v1/stars/1'), ask('GET', '/v1/st%61rs/2')]);
    expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual([{ id: '1' }, { id: '2' }]);
    expect(loaded).toEqual(['stars']);
  });

  it('names the methods of a path', async () => {
    const answer = await ask('POST', '/v1/stars/1');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET']);
  });
});
