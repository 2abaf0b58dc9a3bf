import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openApiText } from '../../../functions/http/openapi.ts';
import { apiRoutes } from '../../../functions/http/routes/index.ts';
import type { Json } from '../../support/api-client.ts';
import type { World } from './world.ts';

const committed = () => readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8');

/** The description of the API, and the pages that show it. */
export function contractSuite(world: World): void {
  describe('the contract', () => {
    it('is committed as the routes have it (npm run openapi)', () => {
      expect(committed() === openApiText(apiRoutes)).toBe(true);
    });

    it('is served as it is committed', async () => {
      const answer = await world().nobody.get('/openapi.json');
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual(JSON.parse(committed()));
    });

    it('has every route once, and no route without a handler', () => {
      const { paths } = JSON.parse(committed()) as Json;
      const described = Object.entries(paths as Json).flatMap(([path, operations]) =>
        Object.keys(operations as Json).map((method) => `${method.toUpperCase()} ${path}`),
      );
      const routes = apiRoutes.map(({ method, path }) => `${method} ${path}`);
      expect(described.sort()).toEqual([...routes].sort());
      expect(new Set(routes).size).toBe(routes.length);
      const ids = Object.values(paths as Json).flatMap((operations) =>
        Object.values(operations as Json).map((operation: Json) => operation.operationId),
      );
      expect(new Set(ids).size).toBe(ids.length);
    });

    it('reaches a handler by every route', async () => {
      for (const { method, path, access } of apiRoutes) {
        const answer = await world().nobody.request(method, path.replace('{id}', 'x'), {});
        // An address that is refused often is told to come back later.
        const expected = access === 'anyone' ? [200] : [401, 429];
        expect([method, path, expected]).toEqual([method, path, expect.arrayContaining([answer.status])]);
      }
    });

    it('says what a problem is, and lets answers grow', () => {
      const { components, paths } = JSON.parse(committed()) as Json;
      expect(components.schemas.Problem.required).toEqual(expect.arrayContaining(['code', 'instance', 'error']));
      const operation = paths['/v1/documents'].post;
      expect(operation.responses.default.content['application/problem+json'].schema.$ref).toBe(
        '#/components/schemas/Problem',
      );
      expect(operation['x-role']).toBe('editor');
      expect(operation.requestBody.content['application/json'].schema.additionalProperties).toBe(false);
      expect(JSON.stringify(operation.responses['202'])).not.toContain('"additionalProperties":false');
    });

    it('is shown by a page whose scripts are served from here', async () => {
      const page = await world().nobody.get('/docs');
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
      const scripts = [...page.text.matchAll(/<script src="([^"]+)">/g)].map(([, source]) => source as string);
      expect(scripts).toHaveLength(2);
      const texts = await Promise.all(
        scripts.map(async (source) => {
          const answer = await fetch(new URL(source, `${world().cloud.url}/docs`));
          expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
          return answer.text();
        }),
      );
      const [reference = '', start = ''] = texts;
      expect(reference.length).toBeGreaterThan(1_000_000);
      expect(reference).toContain('createApiReference');
      expect(start).toContain("url: 'openapi.json'");
      expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
      expect(page.text).not.toMatch(/https?:\/\//);
    });
  });

  describe('the service', () => {
    it('is alive without asking anybody', async () => {
      expect((await world().nobody.get('/health')).body).toEqual({ status: 'ok' });
    });

    it('tells what it stands on', async () => {
      const answer = await world().nobody.get('/ready');
      expect(answer.status).toBe(200);
      expect(answer.body).toMatchObject({ status: 'ok', checks: { postgres: 'ok', queues: 'ok' } });
    });
  });
}
