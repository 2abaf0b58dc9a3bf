import { spawnSync } from 'node:child_process';
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

  describe('of which a group cannot be loaded', () => {
    /** @param failures how many loads fail, one after the other */
    function failing(failures: number) {
      let loads = 0;
      const ended: unknown[] = [];
      const suns = groupOf('suns');
      const group = {
        ...suns,
        async load() {
          if (++loads <= failures) throw new Error(`unreadable ${loads}`);
          return suns.load();
        },
      };
      const application = createGroupedApplication([group, groupOf('moons')], (error) => {
        ended.push(error);
        return Promise.reject(error);
      });
      const askFor = (path: string) => application(new Request(`http://api${path}`), bindings);
      return { ended, askFor, loads: () => loads };
    }

    it('fails the requests that wait for it, and loads it again for the next', async () => {
      const { ended, askFor, loads } = failing(1);
      const outcomes = await Promise.allSettled([askFor('/v1/suns/1'), askFor('/v1/suns/2')]);
      expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect((await askFor('/v1/suns/3')).status).toBe(200);
      expect([loads(), ended]).toEqual([2, []]);
    });

    it('ends its process where loading it again fails as well, and not before', async () => {
      const { ended, askFor } = failing(2);
      await expect(askFor('/v1/suns/1')).rejects.toThrow('unreadable 1');
      expect((await askFor('/v1/moons/1')).status).toBe(200);
      expect(ended).toEqual([]);
      await expect(askFor('/v1/suns/1')).rejects.toThrow('unreadable 2');
      expect(ended).toEqual([expect.objectContaining({ message: 'unreadable 2' })]);
    });

    it('is an exception that a process outlives as little as any, though it outlives rejections', () => {
      const functions = new URL('../../../functions', import.meta.url).href;
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '--eval',
          `
          import { createGroupedApplication } from '${functions}/http/grouped-application.ts';
          import { outlastRejections } from '${functions}/runtime/outlast-rejections.ts';
          outlastRejections({ rejectionStrayed() {} });
          setInterval(() => {}, 1_000);
          const load = () => Promise.reject(new Error('unreadable'));
          const application = createGroupedApplication([{ beginnings: ['/v1/suns'], load }]);
          const ask = () => application(new Request('http://api/v1/suns'), {}).catch(() => console.log('answered'));
          await ask();
          await ask();
          console.log('went on');
        `,
        ],
        { encoding: 'utf8', timeout: 15_000 },
      );
      expect([status, stdout]).toEqual([1, 'answered\n']);
      expect(stderr).toContain('unreadable');
    });
  });
});
