import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { callApi } from '../../infra/local/start/first-workspace.ts';
import { readMigrations } from '../../shared/adapters/postgres/migration-files.ts';
import { parsePublicId } from '../../shared/core/ids.ts';
import { migrationsDirectory, openTestDatabase } from '../support/database.ts';
import { dropDatabase, startEngines } from './engines.ts';
import { type ModelServer, startModelServer } from './model-server.ts';
import { buildVectorIndex, loadCorpus, partitionOf, vectorSeed } from './search-corpus.ts';
import { type Cloud, startCloud } from './start-cloud.ts';

export interface SearchWorld {
  readonly cloud: Cloud;
  readonly models: ModelServer;
  readonly apiKey: string;
  readonly workspaceId: string;
  /** Of the embeddings; of the chunks likewise. */
  readonly partition: string;
  close(): Promise<void>;
}

interface Place {
  readonly apiKey: string;
  readonly workspaceId: string;
  readonly collectionId: string;
}

/** The model of the stage that is measured. */
export const model = 'text-embedding-3-small';

/**
 * The local cloud on native engines with `chunks` chunks in one workspace, indexed. The corpus (a minute and a half for 100,000) is
 * kept, and new migrations come on top of it, until one changes that was applied; only a model server and the cloud are started then.
 */
export async function startSearchWorld(chunks: number): Promise<SearchWorld> {
  const directory = join(tmpdir(), 'dbrag-bench', `search-${chunks}`);
  const placeFile = join(directory, 'place.json');
  const checksums = (await readMigrations(migrationsDirectory)).map(({ checksum }) => checksum);
  const engines = await startEngines(`search-${chunks}`);
  const known = knownPlace(placeFile, checksums);
  if (!known) {
    rmSync(directory, { recursive: true, force: true });
    await dropDatabase(engines, 'dbrag');
  }
  mkdirSync(directory, { recursive: true });
  const models = await startModelServer('--seed', String(vectorSeed));
  const cloud = await startCloud({
    assemblyDirectory: await assemblyOf('local'),
    dataDirectory: join(directory, 'data'),
    port: 0,
    databaseUrl: engines.databaseUrl,
    redisUrl: engines.redisUrl,
    models: { baseUrl: models.baseUrl },
  });
  const admin = new pg.Client({ connectionString: cloud.adminDatabaseUrl });
  await admin.connect();
  const place = known ?? (await makePlace(cloud, admin, chunks));
  writeFileSync(placeFile, JSON.stringify({ ...place, checksums }), { mode: 0o600 });
  const partition = await partitionOf(admin, place.workspaceId);
  await admin.end();
  return {
    cloud,
    models,
    ...place,
    partition,
    close: async () => {
      await cloud.close();
      await models.close();
    },
  };
}

async function makePlace(cloud: Cloud, admin: pg.Client, chunks: number): Promise<Place> {
  const created = await callApi<{ id: string; api_key: { secret: string } }>(
    cloud.url,
    cloud.operatorKey,
    'POST',
    '/v1/workspaces',
    { name: 'bench' },
  );
  const apiKey = created.api_key.secret;
  const collection = await callApi<{ id: string }>(cloud.url, apiKey, 'POST', '/v1/collections', { name: 'bench' });
  const place = {
    apiKey,
    workspaceId: parsePublicId('workspace', created.id),
    collectionId: parsePublicId('collection', collection.id),
  };
  const database = openTestDatabase(cloud.applicationDatabaseUrl);
  const started = performance.now();
  const elapsed = (): string => ((performance.now() - started) / 1_000).toFixed(0);
  await loadCorpus(database, admin, place, chunks);
  await database.close();
  process.stdout.write(`loaded ${chunks} chunks after ${elapsed()} s\n`);
  await buildVectorIndex(admin, place.workspaceId, model);
  process.stdout.write(`built the index after ${elapsed()} s\n`);
  return place;
}

/** What an earlier run left, if the migrations of then are still the first ones. */
function knownPlace(file: string, checksums: readonly string[]): Place | undefined {
  if (!existsSync(file)) return undefined;
  const { checksums: applied, ...place } = JSON.parse(readFileSync(file, 'utf8')) as Place & { checksums: string[] };
  // A migration that is added before one that was applied is refused.
  return applied.every((checksum, index) => checksums[index] === checksum) ? place : undefined;
}
