import { createApplication } from '../../functions/http/application.ts';
import type { Route } from '../../functions/http/route.ts';
import { apiRoutes } from '../../functions/http/routes/index.ts';
import { createServices, type Services } from '../../functions/runtime/services.ts';
import { newApiKeySecret } from '../../shared/access/api-key.ts';
import type { PostgresDatabase } from '../../shared/adapters/postgres/database.ts';
import type { Caller } from '../../shared/core/caller.ts';
import { readConfig } from '../../shared/core/config.ts';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import { type IdKind, idPrefixes, publicId } from '../../shared/core/ids.ts';
import { foreignIds } from './foreign-ids.ts';
import type { Pick } from './random-statements.ts';
import type { IsolationWorld, Tenant } from './seed.ts';

/** What a model would be asked for, what waits, and what is for everybody: none of it reads more of a tenant than the others do. */
const isCalled = ({ method, path, access, streaming, rate }: Route) =>
  access !== 'anyone' &&
  access !== 'operator' &&
  access !== 'operator_or_admin' &&
  (!streaming || path === '/v1/sql/run') &&
  rate !== 'ask' &&
  path !== '/v1/search' &&
  // Ends the workspace of whoever calls it.
  !(method === 'DELETE' && path === '/v1/workspace');

const quiet = new Proxy({}, { get: () => async () => {} });
const silent = new Proxy({}, { get: () => () => undefined });

/** The whole application in this process, on the pool that is tried; whoever calls is who the test says. */
export class RandomCalls {
  readonly #application;
  readonly #services: Services;
  readonly #world: IsolationWorld;
  readonly #kinds: ReadonlyMap<string, readonly string[]>;
  #caller: Caller | undefined;

  static async create(world: IsolationWorld, application: PostgresDatabase): Promise<RandomCalls> {
    const kinds = new Map<string, readonly string[]>();
    for (const table of ['collections', 'documents', 'jobs', 'queries', 'conversations', 'api_keys', 'connections']) {
      if (!world.tables.includes(table)) continue;
      const { rows } = await world.database.admin.query<{ id: string }>(`SELECT id FROM dbrag.${table}`);
      kinds.set(
        table.replace('_', '-'),
        rows.map(({ id }) => id),
      );
    }
    return new RandomCalls(world, application, kinds);
  }

  private constructor(
    world: IsolationWorld,
    application: PostgresDatabase,
    kinds: ReadonlyMap<string, readonly string[]>,
  ) {
    this.#world = world;
    this.#kinds = kinds;
    this.#application = createApplication(apiRoutes);
    const config = readConfig({
      [names.stage]: 'test',
      [names.databaseHost]: '127.0.0.1',
      [names.databaseName]: 'none',
      [names.databaseSecret]: 'none',
      [names.databaseTls]: 'off',
      [names.operatorSecret]: 'none',
      [names.bucketName]: 'none',
    });
    this.#services = createServices({
      config,
      database: application,
      cache: null,
      log: silent as Services['log'],
      queue: quiet as Services['queue'],
      objects: new Proxy(
        {},
        {
          get: () => async () => ({
            url: 'http://127.0.0.1/',
            headers: {},
            expiresAt: new Date(),
            key: 'x',
            versionId: null,
          }),
        },
      ) as Services['objects'],
      sweep: quiet as Services['sweep'],
      removals: quiet as Services['removals'],
      embeddingNudges: quiet as Services['embeddingNudges'],
      rates: { take: async () => ({ admitted: true, waitMilliseconds: 0, levels: [] }) },
      apiKeys: { find: async () => this.#caller },
    });
  }

  /** One call of one tenant with an id of anybody. @returns what is foreign in the answer, and what is no answer */
  async call(pick: Pick): Promise<string[]> {
    const { tenants } = this.#world;
    const tenant = pick(tenants);
    const foreign = pick(tenants.filter(({ id }) => id !== tenant.id));
    const route = pick(apiRoutes.filter(isCalled));
    const [, , segment = ''] = route.path.split('/');
    // What is one's own is only looked at: every call finds the world as it was.
    const ids = (this.#kinds.get(segment) ?? []).filter(
      (id) => route.method === 'GET' || this.#world.owners.get(id) !== tenant.id,
    );
    const kind = kindOf(segment);
    const id = kind && ids.length > 0 ? publicId(kind, pick(ids)) : 'nobody';
    const path = route.path.replaceAll(/\{\w+\}/g, encodeURIComponent(id));
    const after = pick([
      '',
      '',
      ids.length > 0 && kind ? `?limit=100&after=${publicId(kind, pick(ids))}` : '',
      '?limit=100',
    ]);
    const isList = route.method === 'GET' && !route.path.includes('{');
    const url = `http://api${path}${isList ? after : ''}`;
    const body =
      route.body && !route.path.includes('{') ? bodyOf(route, foreign) : route.body ? '{"name":"taken"}' : undefined;
    return this.#ask(tenant, pick, url, route, body);
  }

  async #ask(tenant: Tenant, pick: Pick, url: string, route: Route, body: string | undefined): Promise<string[]> {
    // Authentication asks for the caller before anything is awaited in between.
    this.#caller = {
      workspaceId: tenant.id,
      role: 'owner',
      // No id of zeros: the system's chain has that.
      actor: `key_${'f'.repeat(32)}`,
      apiKeyId: null,
      subject: null,
      rateLimits: null,
      collectionIds: pick([null, null, [tenant.inside.collectionId]]),
      connectionIds: pick([null, null, [tenant.inside.connectionId]]),
    };
    const response = await this.#application(
      new Request(url, {
        method: route.method,
        headers: { authorization: `Bearer ${newApiKeySecret()}`, 'content-type': 'application/json' },
        ...(body === undefined ? {} : { body }),
      }),
      {
        services: this.#services,
        origin: { requestId: 'isolation', ip: null, userAgent: null },
        deadline: Date.now() + 60_000,
        waitUntil: () => {},
        left: new AbortController().signal,
        routed: () => {},
      },
    );
    const text = await response.text();
    const asked = foreignIds(this.#world, tenant.id, url);
    const shown = foreignIds(this.#world, tenant.id, text).map((id) => `${id} shown by ${route.method} ${route.path}`);
    if (response.status >= 500) shown.push(`${response.status} from ${route.method} ${route.path}: ${text}`);
    // A list whose place is another workspace's is empty, or begins at its beginning.
    if (asked.length > 0 && response.status < 300 && route.path.includes('{'))
      shown.push(`${response.status} for a foreign id of ${route.method} ${route.path}`);
    return shown;
  }
}

function kindOf(segment: string): IdKind | undefined {
  const kinds: Readonly<Record<string, IdKind>> = {
    collections: 'collection',
    documents: 'document',
    jobs: 'job',
    queries: 'query',
    conversations: 'conversation',
    'api-keys': 'apiKey',
    connections: 'connection',
  };
  const kind = kinds[segment];
  return kind && kind in idPrefixes ? kind : undefined;
}

/** Bodies that name what is another's: each is refused, and nothing is made. */
function bodyOf(route: Route, foreign: Tenant): string {
  const collection = publicId('collection', foreign.inside.collectionId);
  return JSON.stringify(
    {
      '/v1/documents': { collection_id: collection, name: 'x', content: 'x' },
      '/v1/documents/batch': { documents: [{ collection_id: collection, name: 'x', content: 'x' }] },
      '/v1/uploads': { collection_id: collection, name: 'x', content_type: 'text/plain', size_bytes: 1 },
      '/v1/api-keys': { name: 'x', role: 'reader', collection_ids: [collection] },
      '/v1/jobs/retry': { status: 'failed', collection_id: collection },
    }[route.path] ?? { nothing: true },
  );
}
