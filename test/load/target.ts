import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assemblyOf } from '../../infra/local/start/assembly-cache.ts';
import { dropDatabase, startEngines } from '../bench/engines.ts';
import { type HttpClient, httpClient, successOf } from '../bench/http-client.ts';
import { onePage } from '../bench/markdown-corpus.ts';
import { startCloud } from '../bench/start-cloud.ts';
import { createWorkspace } from '../support/local-cloud.ts';
import { type ChangingDatabase, connectChangingDatabase } from './tables.ts';

/** What is loaded: a workspace of its own, or the one of a key. */
export interface Target {
  readonly api: HttpClient;
  readonly collectionId: string;
  /** Undefined where the target is somebody's deployment: no database of ours is within its reach. */
  readonly database: ChangingDatabase | undefined;
  close(): Promise<void>;
}

const connections = 512;
const perBatch = 50;
const pollMilliseconds = 500;
const longestMilliseconds = 600_000;

/** The local cloud on native engines, with the offline models, and limits that nobody meets (the `local` stage). */
export async function startTarget(): Promise<Target> {
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-load-'));
  const engines = await startEngines('load');
  await dropDatabase(engines, 'dbrag');
  const cloud = await startCloud({
    assemblyDirectory: await assemblyOf('local'),
    dataDirectory: join(directory, 'data'),
    port: 0,
    databaseUrl: engines.databaseUrl,
    redisUrl: engines.redisUrl,
    models: {},
  });
  const { apiKey, collectionId } = await createWorkspace(cloud, 'load');
  const api = httpClient(cloud.url, { authorization: `Bearer ${apiKey}` }, connections);
  const database = await connectChangingDatabase(api, cloud.adminDatabaseUrl);
  return {
    ...{ api, collectionId, database },
    async close() {
      await database.close();
      await cloud.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Somebody's deployment: a collection is made there for the load, and deleted at the end. Its limits are its own. */
export async function reachTarget(url: string, apiKey: string): Promise<Target> {
  const api = httpClient(url, { authorization: `Bearer ${apiKey}` }, connections);
  const made = await api('POST', '/v1/collections', { name: `load ${new Date().toISOString()}` });
  const { id } = successOf<{ id: string }>(made);
  return {
    api,
    collectionId: id,
    database: undefined,
    async close() {
      const { hostname } = new URL(url);
      const deleted = await fetch(new URL(`v1/collections/${id}`, url.endsWith('/') ? url : `${url}/`), {
        method: 'DELETE',
        headers: { authorization: `Bearer ${apiKey}` },
      });
      if (!deleted.ok) process.stderr.write(`The collection ${id} stays at ${hostname}: ${deleted.status}\n`);
    },
  };
}

/** Posts pages and waits until the last one is found. */
export async function fill({ api, collectionId }: Target, pages: number): Promise<void> {
  for (let from = 0; from < pages; from += perBatch) {
    const documents = Array.from({ length: Math.min(perBatch, pages - from) }, (_, at) => ({
      collection_id: collectionId,
      ...onePage(from + at),
      content_type: 'text/markdown',
    }));
    successOf(await api('POST', '/v1/documents/batch', { documents }));
  }
  await allTaken({ api, collectionId });
}

/** Waits until no document of the collection waits or is worked on. @returns how many have failed, at most 100 */
export async function allTaken({ api, collectionId }: Pick<Target, 'api' | 'collectionId'>): Promise<number> {
  const some = async (status: string): Promise<number> => {
    const path = `/v1/documents?collection_id=${collectionId}&limit=100&status=${status}`;
    return successOf<{ data: unknown[] }>(await api('GET', path)).data.length;
  };
  for (const began = performance.now(); ; await sleep(pollMilliseconds)) {
    const waiting = await Promise.all(['queued', 'processing'].map(some));
    if (waiting.every((count) => count === 0)) return some('failed');
    if (performance.now() - began > longestMilliseconds) throw new Error('the documents are not ready');
  }
}
