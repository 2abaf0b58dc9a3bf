import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createApplication } from '../../../functions/http/application.ts';
import { apiRoutes } from '../../../functions/http/routes/index.ts';
import type { Services } from '../../../functions/runtime/services.ts';
import { newApiKeySecret } from '../../../shared/access/api-key.ts';
import type { Caller } from '../../../shared/core/caller.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { unlimited } from '../../../shared/limits/rate-limit.ts';

const caller: Caller = {
  workspaceId: '0198c0de-0000-7000-8000-000000000001',
  role: 'owner',
  actor: 'key_1',
  apiKeyId: '0198c0de-0000-7000-8000-000000000002',
  subject: null,
  rateLimits: null,
  collectionIds: null,
  connectionIds: null,
};

/** Whatever is asked beyond who it is ends here: nothing that is wrong may come so far as to be a fault of ours. */
const reached = new DbragError('conflict', 'The request came as far as the work.');
const refusing: unknown = new Proxy(() => {}, {
  get: (_, name) => (name === 'then' ? undefined : refusing),
  apply: () => {
    throw reached;
  },
});
const services = new Proxy(
  {
    config: {
      corsOrigins: [],
      rateLimits: unlimited,
      quotas: null,
      models: { chatModel: 'm', chatModelChoices: [] },
      maximumFileBytes: 1,
    },
    workspaceLimits: { find: async () => ({}) },
    apiKeys: { find: async () => caller },
    operatorSecret: async () => 'operator',
    // Who asks is noted before the work and beside it.
    trail: { seal: async () => ({ requestId: 'r' }), record: async () => {}, arm: async () => {} },
    log: new Proxy({}, { get: () => () => {} }),
    clock: { now: () => new Date() },
  } as unknown as Services,
  { get: (known, name) => (name in known ? known[name as keyof Services] : refusing) },
);
const application = createApplication(apiRoutes);
const key = newApiKeySecret();

async function statusOf(method: string, path: string, init: { body?: string; headers?: Record<string, string> } = {}) {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...init.headers };
  const request = new Request(`http://api${path}`, {
    method,
    headers,
    ...(method === 'GET' ? {} : { body: init.body ?? '{}' }),
  });
  const origin = { requestId: 'r', ip: null, userAgent: null };
  const response = await application(request, {
    services,
    origin,
    deadline: Date.now() + 60_000,
    waitUntil: () => {},
    left: new AbortController().signal,
    routed: () => {},
  });
  return response.status;
}

const ofCallers = apiRoutes.filter(({ access }) => access !== 'anyone' && access !== 'operator');
/** A subject is whatever an issuer or a caller says. */
const withIds = ofCallers.filter(({ path }) => path.includes('{id}') && !path.startsWith('/v1/subjects/'));

describe('hostile requests', () => {
  it('name nothing by what is no id, on every route', async () => {
    const ids = [
      'x',
      '..%2f..',
      '%00',
      '%ff',
      "1'%20OR%201=1",
      'doc_',
      `col_${'f'.repeat(33)}`,
      '💥',
      '%F0%9F%92%A5',
      '-1',
      `${'a'.repeat(4_000)}`,
    ];
    for (const { method, path } of withIds) {
      for (const id of ids) {
        const status = await statusOf(method, path.replace('{id}', id).replaceAll(/\{\w+\}/g, 'x'));
        expect([method, path, id.slice(0, 20), status]).toEqual([
          method,
          path,
          id.slice(0, 20),
          expect.toBeOneOf([400, 404, 409, 422]),
        ]);
        // Only a body that is wrong may be told before the id; what is right but for the id must not get to work on it.
        if (method === 'GET' || method === 'DELETE') expect([path, id.slice(0, 20), status]).not.toContain(409);
      }
    }
  });

  it('have no segment of a path that no database holds', async () => {
    for (const { method, path } of ofCallers.filter(({ path }) => path.includes('{')))
      expect([method, path, await statusOf(method, path.replaceAll(/\{\w+\}/g, 'a%00b'))]).toEqual([method, path, 404]);
  });

  it('have bodies of any JSON, and of none, and get no answer that is a fault of ours', async () => {
    const bodied = ofCallers.filter(({ body }) => body !== undefined);
    const text = fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.string(),
      fc.constantFrom(
        '',
        '[]',
        'null',
        '{"__proto__":{"x":1}}',
        '{"a":"\\u0000"}',
        '{"a":"\\ud800"}',
        '['.repeat(100_000),
        '{"query":1e999}',
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...bodied), text, async ({ method, path }, body) => {
        const status = await statusOf(method, path.replaceAll(/\{\w+\}/g, 'x'), { body });
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
  });

  it('have queries and headers of anything', async () => {
    const reads = ofCallers.filter(({ method, path }) => method === 'GET' && !path.includes('{'));
    const name = fc.constantFrom('limit', 'after', 'from', 'to', 'status', 'collection_id', 'group_by', 'x');
    const header = fc.constantFrom(
      'idempotency-key',
      'last-event-id',
      'accept',
      'x-dbrag-workspace',
      'range',
      'content-type',
    );
    const value = fc.string({ unit: 'binary', maxLength: 200 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...reads),
        name,
        value,
        header,
        value,
        async ({ path }, member, text, field, told) => {
          const ascii = told.replaceAll(/[^\x20-\x7e]/g, '');
          const query = `${member}=${encodeURIComponent(text.toWellFormed())}`;
          expect(await statusOf('GET', `${path}?${query}`, { headers: { [field]: ascii } })).toBeLessThan(500);
        },
      ),
      { numRuns: 300 },
    );
  });
});
