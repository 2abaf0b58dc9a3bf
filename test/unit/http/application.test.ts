import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod/mini';
import { createApplication } from '../../../functions/http/application.ts';
import { defineRoute, type IdempotencyRequest, ok } from '../../../functions/http/route.ts';
import { apiRoutes } from '../../../functions/http/routes/index.ts';
import type { Services } from '../../../functions/runtime/services.ts';
import type { TextAnswer } from '../../../functions/runtime/text-answer.ts';
import { hashApiKey, newApiKeySecret } from '../../../shared/access/api-key.ts';
import { type Caller, type Role, wholeWorkspace } from '../../../shared/core/caller.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { ProcessRates } from '../../../shared/limits/process-rates.ts';
import { unlimited } from '../../../shared/limits/rate-limit.ts';

const callerOf = ({ role }: Pick<Caller, 'role'>): Caller => ({
  workspaceId: 'w',
  role,
  actor: 'key_1',
  apiKeyId: '1',
  subject: null,
  rateLimits: null,
  ...wholeWorkspace,
});
const keys = new Map<string, Role>();
const keyOf = (role: Role) => {
  const secret = newApiKeySecret();
  keys.set(hashApiKey(secret).toString('hex'), role);
  return secret;
};
let logged: unknown[];
let routes: unknown[];
let templates: string[];
let erasureLookUps: number;
/** The key that erased a workspace. */
const erasedKey = newApiKeySecret();
let lookUps: number;
let seen: IdempotencyRequest | undefined;

const services = {
  config: {
    corsOrigins: ['https://a.example'],
    rateLimits: {
      ...unlimited,
      ask: { subject: { requests: 2, seconds: 60 }, workspace: { requests: 5, seconds: 3_600 } },
    },
  },
  workspaceLimits: { find: async () => ({}) },
  rates: new ProcessRates(() => 0),
  addressRates: new ProcessRates(() => 0),
  clock: { now: () => new Date(0) },
  log: {
    requestFailed(error: unknown, route: unknown) {
      logged.push(error);
      routes.push(route);
    },
  },
  operatorSecret: async () => 'the operator',
  trail: {
    seal: async (_workspace: string, _actor: string, origin: unknown) => origin,
    record: () => undefined,
    arm: async () => {},
  },
  apiKeys: {
    async find(hash: Buffer): Promise<Caller | undefined> {
      lookUps++;
      const role = keys.get(hash.toString('hex'));
      return role && callerOf({ role });
    },
  },
} as unknown as Services;

const route = { tag: 'x', rate: 'read', summary: 'x', success: { status: 200, description: 'x' } } as const;
const application = createApplication([
  defineRoute({ ...route, method: 'GET', path: '/open', access: 'anyone', handle: async () => ok({ open: true }) }),
  defineRoute({
    ...route,
    method: 'GET',
    path: '/things/{id}',
    access: 'reader',
    query: z.strictObject({ n: z.optional(z.coerce.number()) }),
    handle: async ({ parameters, query, caller }) => ok({ ...parameters, ...query, role: caller.role }),
  }),
  defineRoute({
    ...route,
    method: 'GET',
    path: '/erased/{id}',
    access: 'owner',
    async afterErasure(request) {
      erasureLookUps++;
      return request.headers.get('x-api-key') === erasedKey ? ok({ erased: true }) : undefined;
    },
    handle: async () => ok({ erased: false }),
  }),
  defineRoute({
    ...route,
    method: 'POST',
    path: '/questions',
    access: 'reader',
    rate: 'ask',
    body: z.strictObject({ question: z.string(), subject: z.optional(z.string()) }),
    handle: async () => ok({ answer: 'x' }),
  }),
  defineRoute({
    ...route,
    method: 'POST',
    path: '/things',
    access: 'editor',
    idempotent: true,
    body: z.strictObject({ name: z.string() }),
    async handle({ idempotency, body }) {
      seen = idempotency;
      if (body.name === 'broken') throw new Error('SELECT secret');
      if (body.name === 'refused') throw new DbragError('conflict', 'Refused.');
      return { status: 204 };
    },
  }),
]);
const ask = (path: string, init: RequestInit = {}, ip: string | null = null) =>
  application(new Request(`http://api${path}`, init), {
    services,
    origin: { requestId: 'request-1', ip, userAgent: null },
    deadline: Date.now() + 60_000,
    waitUntil: () => {},
    left: new AbortController().signal,
    routed: (template) => void templates.push(template),
  });
const as = (role: Role, more: Record<string, string> = {}) => ({
  headers: { authorization: `Bearer ${keyOf(role)}`, ...more },
});
const post = (body: unknown, more: Record<string, string> = {}) =>
  ask('/things', {
    method: 'POST',
    body: JSON.stringify(body),
    ...as('editor', { 'content-type': 'application/json', ...more }),
  });

beforeEach(() => {
  logged = [];
  routes = [];
  templates = [];
  erasureLookUps = 0;
  lookUps = 0;
  seen = undefined;
});

describe('the application', () => {
  it('decodes parameters and turns the query into what the schema wants', async () => {
    const answer = await ask('/things/a%20b%2Fc?n=5', as('reader'));
    expect(await answer.json()).toEqual({ id: 'a b/c', n: 5, role: 'reader' });
    expect(answer.headers.get('x-request-id')).toBe('request-1');
  });

  it('asks who it is before it looks at anything else', async () => {
    const answer = await ask('/things', { method: 'POST', body: 'not even JSON' });
    expect(answer.status).toBe(401);
    expect(lookUps).toBe(0);
    const reader = await ask('/things', { method: 'POST', body: 'not even JSON', ...as('reader') });
    expect(reader.status).toBe(403);
  });

  it('refuses a key with a wrong checksum without a look-up', async () => {
    const secret = newApiKeySecret();
    const typo = secret.slice(0, -1) + (secret.endsWith('0') ? '1' : '0');
    expect((await ask('/things/1', { headers: { 'x-api-key': typo } })).status).toBe(401);
    expect(lookUps).toBe(0);
  });

  it('logs what went wrong and tells the caller what may be told', async () => {
    const broken = await post({ name: 'broken' });
    expect([broken.status, (await broken.text()).includes('SELECT')]).toEqual([500, false]);
    const refused = await post({ name: 'refused' });
    expect([refused.status, ((await refused.json()) as { detail: string }).detail]).toEqual([409, 'Refused.']);
    expect(logged.map((error) => (error as Error).message)).toEqual(['SELECT secret', 'Refused.']);
  });

  it('logs the template of a route, and no path, which may hold the name of a person', async () => {
    expect((await ask('/things/ada@example.org?n=x', as('reader'))).status).toBe(422);
    expect([templates, routes]).toEqual([['/things/{id}'], [{ method: 'GET', path: '/things/{id}' }]]);
  });

  it('knows a request under an Idempotency-Key by its path and body, whatever its headers', async () => {
    const fingerprint = async (body: unknown, more: Record<string, string> = {}) => {
      const answer = await post(body, { 'idempotency-key': 'k', ...more });
      expect([answer.status, await answer.text()]).toEqual([204, '']);
      return seen?.fingerprint.toString('hex');
    };
    const one = await fingerprint({ name: 'a' });
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(await fingerprint({ name: 'a' }, { 'x-other': '1' })).toBe(one);
    expect(await fingerprint({ name: 'b' })).not.toBe(one);
    await post({ name: 'a' });
    expect(seen).toBeUndefined();
  });

  it('says what a path allows', async () => {
    const wrong = await ask('/things', { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    expect((await ask('/things/1/more')).status).toBe(404);
    expect((await ask('/things/', { method: 'PATCH' })).status).toBe(404);
    const nowhere = await ask('/');
    expect(nowhere.status).toBe(404);
    expect(await nowhere.json()).toMatchObject({ detail: expect.stringContaining('/docs') });
  });

  it('lets pages of allowed origins read every answer, also a refusal', async () => {
    const origin = 'https://a.example';
    for (const path of ['/open', '/things/1', '/nothing']) {
      const answer = await ask(path, { headers: { origin } });
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      const other = await ask(path, { headers: { origin: 'https://b.example' } });
      expect(other.headers.get('access-control-allow-origin')).toBeNull();
    }
    expect((await ask('/open', { method: 'OPTIONS', headers: { origin } })).status).toBe(204);
    expect((await ask('/open', { method: 'OPTIONS' })).status).toBe(403);
  });
});

describe('limits', () => {
  const question = (body: unknown) =>
    ask('/questions', {
      method: 'POST',
      body: JSON.stringify(body),
      ...as('reader', { 'content-type': 'application/json' }),
    });
  const told = (answer: Response | TextAnswer) =>
    [
      'ratelimit-policy',
      'ratelimit',
      'x-ratelimit-limit-requests',
      'x-ratelimit-remaining-requests',
      'retry-after',
    ].map((name) => answer.headers.get(name));

  it('count a question for whom it is asked, and stand in every answer', async () => {
    const policy = '"subject";q=2;w=60, "workspace";q=5;w=3600';
    const first = await question({ question: 'a' });
    expect([first.status, ...told(first)]).toEqual([
      200,
      policy,
      '"subject";r=1;t=30, "workspace";r=4;t=720',
      '2',
      '1',
      null,
    ]);
    // A refused body has asked as well.
    const wrong = await question({ query: 'a' });
    expect([wrong.status, ...told(wrong)]).toEqual([
      422,
      policy,
      '"subject";r=0;t=60, "workspace";r=3;t=1440',
      '2',
      '0',
      null,
    ]);
    const third = await question({ question: 'a' });
    expect([third.status, ...told(third)]).toEqual([
      429,
      policy,
      '"subject";r=0;t=60, "workspace";r=3;t=1440',
      '2',
      '0',
      '30',
    ]);
    // A flood of them costs no flood of warnings; what was wrong with the one before is told.
    expect(logged.map((error) => (error as { code?: string }).code)).toEqual(['validation_failed']);
    expect(await third.json()).toMatchObject({
      code: 'rate_limited',
      detail: 'Too many questions: one caller may make 2 in a minute. Try again in 30 s.',
      error: { type: 'rate_limit_error' },
    });
    const statuses = [];
    for (const subject of ['ann', 'ann', 'ann', 'bob', 'eve'])
      statuses.push((await question({ question: 'a', subject })).status);
    expect(statuses).toEqual([200, 200, 429, 200, 429]);
  });

  it('are none for classes that have none', async () => {
    expect(told(await ask('/things/1', as('reader')))).toEqual([null, null, null, null, null]);
  });

  it('keep an address from trying keys, and nobody who has one', async () => {
    const wrong = (ip: string) => ask('/things/1', { headers: { authorization: 'Bearer nonsense' } }, ip);
    const statuses = new Set<number>();
    for (let n = 0; n < 30; n++) statuses.add((await wrong(`2001:db8::${n.toString(16)}`)).status);
    expect([...statuses]).toEqual([401]);
    const refused = await wrong('2001:db8:0:0:1::1');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '2']);
    expect((await wrong('192.0.2.1')).status).toBe(401);
    expect((await ask('/things/1', as('reader'), '2001:db8::1')).status).toBe(200);
  });
});

describe('what is answered after an erasure', () => {
  const erased = (key: string, ip: string | null = null, id = '1') =>
    ask(`/erased/${id}`, { headers: { 'x-api-key': key } }, ip);

  it('is for whoever is unknown by now, and for nobody who is refused otherwise', async () => {
    expect((await erased(erasedKey)).status).toBe(200);
    erasureLookUps = 0;
    expect((await erased(keyOf('reader'))).status).toBe(403);
    expect((await ask('/erased/1')).status).toBe(401);
    expect(erasureLookUps).toBe(0);
  });

  it('is looked up once for a key that erased nothing', async () => {
    const key = newApiKeySecret();
    for (let n = 0; n < 3; n++) expect((await erased(key)).status).toBe(401);
    expect(erasureLookUps).toBe(1);
    expect((await erased(key, null, '2')).status).toBe(401);
    expect(erasureLookUps).toBe(2);
  });

  it('is not looked up for an address that tried too many keys', async () => {
    const ip = '198.51.100.7';
    for (let n = 0; n < 30; n++) expect((await erased(newApiKeySecret(), ip)).status).toBe(401);
    expect(erasureLookUps).toBe(30);
    for (let n = 0; n < 3; n++) expect((await erased(newApiKeySecret(), ip)).status).toBe(429);
    expect(erasureLookUps).toBe(30);
  });

  it('counts as no guess, however often it is asked for', async () => {
    const ip = '198.51.100.8';
    for (let n = 0; n < 40; n++) expect((await erased(erasedKey, ip, 'polled')).status).toBe(200);
  });
});

describe('the route table', () => {
  it('names the limits that a request counts for', () => {
    for (const { method, path, access, rate } of apiRoutes) {
      const hasCaller = access !== 'anyone' && access !== 'operator';
      expect([path, rate === 'none']).toEqual([path, !hasCaller]);
      if (!hasCaller) continue;
      // What asks a model to write is a question; what changes nothing is a read, or a look at progress.
      const asks = method === 'POST' && /^\/v1\/(queries|conversations\/\{id\}\/messages|sql\/generate)$/.test(path);
      const reads = method === 'GET' || path === '/v1/search' || path === '/v1/sql/run';
      const expected = asks ? ['ask'] : reads ? ['read', 'poll'] : ['write'];
      expect([path, expected]).toEqual([path, expect.arrayContaining([rate])]);
    }
  });

  it('has a stricter role for every change than for looking', () => {
    for (const { method, path, access } of apiRoutes) {
      // To ask is to look, whatever is kept of it.
      const asks = /^\/v1\/(search|queries|conversations|sql)/.test(path);
      if (method === 'GET' || asks || access === 'operator') continue;
      expect([path, ['editor', 'admin', 'owner']]).toEqual([path, expect.arrayContaining([access])]);
    }
  });

  it('opens nothing but the service itself to everybody', () => {
    const open = apiRoutes.filter(({ access }) => access === 'anyone').map(({ path }) => path);
    expect(open.sort()).toEqual([
      '/docs',
      '/docs/reference.js',
      '/docs/start.js',
      '/health',
      '/openapi.json',
      '/playground',
      '/ready',
    ]);
  });

  it('replays every post that creates', () => {
    const creates = apiRoutes.filter(({ method, success }) => method === 'POST' && [201, 202].includes(success.status));
    for (const { path, idempotent } of creates) expect([path, idempotent]).toEqual([path, true]);
  });
});
