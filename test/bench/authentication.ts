import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { createApplication } from '../../functions/http/application.ts';
import type { Route } from '../../functions/http/route.ts';
import { apiRoutes } from '../../functions/http/routes/index.ts';
import { createServices, type Services } from '../../functions/runtime/services.ts';
import { hashApiKey, newApiKeySecret } from '../../shared/access/api-key.ts';
import { wholeWorkspace } from '../../shared/core/caller.ts';
import { readConfig } from '../../shared/core/config.ts';
import type { SnapshotDatabase } from '../../shared/core/database.ts';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import { publicId } from '../../shared/core/ids.ts';
import { createTestDatabase, openTestDatabase } from '../support/database.ts';
import { createWorkspace } from '../support/database-content.ts';
import { TestIdentityProvider } from '../support/identity-provider.ts';
import { exportEngines } from './engines.ts';
import { median, report } from './statistics.ts';

/**
 * What it costs a warm request to know who asks, to count it against the limits, and to open its workspace: the same route with all of
 * that, and with none of it on a plain pool of the superuser, turn by turn in one process. Milliseconds at the median.
 */
const { values } = parseArgs({ options: { requests: { type: 'string', default: '3000' } } });
const bar = 0.3;

await exportEngines('authentication');
const database = await createTestDatabase();
const provider = await TestIdentityProvider.start();
const { id, keyHash } = await createWorkspace(database.application, 'bench');
const secret = newApiKeySecret();
await database.admin.query(
  "UPDATE dbrag.api_keys SET hash = $1, last_used_at = now() + interval '1 day' WHERE hash = $2",
  [hashApiKey(secret), keyHash],
);
await database.admin.query(
  `INSERT INTO dbrag.members (workspace_id, issuer, subject, role) VALUES ($1, $2, 'person', 'reader')`,
  [id, provider.issuer],
);

const application = openTestDatabase(database.applicationUrl, { max: 1, preparedStatements: true });
const log = new Proxy({}, { get: () => () => undefined }) as Services['log'];
const config = readConfig({
  [names.stage]: 'bench',
  [names.databaseHost]: '127.0.0.1',
  [names.databaseName]: 'none',
  [names.databaseSecret]: 'none',
  [names.databaseTls]: 'off',
  [names.cacheUrl]: process.env.LOCAL_REDIS_URL,
  [names.identityProviders]: JSON.stringify([{ issuer: provider.issuer, audience: provider.audience }]),
  // Every bucket is counted, and none is ever empty.
  [names.rateLimits]: JSON.stringify(
    Object.fromEntries(
      ['ask', 'read', 'write', 'poll'].map((name) => [
        name,
        { subject: { requests: 100_000_000, seconds: 60 }, workspace: { requests: 100_000_000, seconds: 60 } },
      ]),
    ),
  ),
});
const services = createServices({ config, log, database: application });

const pool = new pg.Pool({ connectionString: database.adminUrl, max: 1, pipeline: true } as pg.PoolConfig);
const bareDatabase = {
  async inWorkspace(
    _: unknown,
    work: (db: { query: (text: string, values?: unknown[]) => Promise<unknown> }) => Promise<unknown>,
  ) {
    const client = await pool.connect();
    const begun = client.query('BEGIN');
    const name = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 20);
    const result = await work({
      query: async (text, given = []) => {
        const { rows, rowCount } = await client.query({ name: name(text), text, values: given });
        return { rows, count: rowCount };
      },
    });
    await begun;
    await client.query('COMMIT');
    client.release();
    return result;
  },
} as unknown as SnapshotDatabase;
const route = apiRoutes.find(({ method, path }) => method === 'GET' && path === '/v1/workspace') as Route;
const caller = {
  workspaceId: id,
  role: 'owner',
  actor: publicId('apiKey', id),
  apiKeyId: null,
  subject: null,
  rateLimits: null,
  ...wholeWorkspace,
};
const bareRoute: Route = {
  ...route,
  access: 'anyone',
  rate: 'none',
  handle: (context) => route.handle({ ...(context as object), caller } as never),
};
const whole = createApplication(apiRoutes);
const bare = createApplication([bareRoute]);

async function timed(handle: typeof whole, given: Services, credential: string): Promise<number> {
  const request = new Request('http://api/v1/workspace', { headers: { authorization: `Bearer ${credential}` } });
  const started = performance.now();
  const response = await handle(request, {
    services: given,
    origin: { requestId: 'bench', ip: null, userAgent: null },
    deadline: Date.now() + 60_000,
    waitUntil: () => {},
    left: new AbortController().signal,
    routed: () => {},
  });
  const took = performance.now() - started;
  if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
  return took;
}

const token = await provider.token();
const bareServices = { ...services, database: bareDatabase };
const times = { bare: [] as number[], key: [] as number[], token: [] as number[] };
for (let i = 0; i < Number(values.requests); i++) {
  const round = {
    bare: await timed(bare, bareServices, secret),
    key: await timed(whole, services, secret),
    token: await timed(whole, services, token),
  };
  if (i < 500) continue;
  for (const name of ['bare', 'key', 'token'] as const) times[name].push(round[name]);
}
const plain = median(times.bare);
for (const name of ['key', 'token'] as const) {
  const more = median(times[name]) - plain;
  report(`${name}: p50 with | without`, `${median(times[name]).toFixed(3)} | ${plain.toFixed(3)} ms`);
  report(`${name}: p50, more than without`, `${more.toFixed(3)} ms`, { text: `<= ${bar} ms`, met: more <= bar });
}
await Promise.all([application.close(), pool.end(), provider.close()]);
await database.close();
process.exit();
