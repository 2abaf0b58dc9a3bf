import type { DataDirectory } from './data-directory.ts';
import { type RunningDatabase, startDatabase } from './database.ts';
import { startServerProcess } from './server-process.ts';

export interface EngineSettings {
  readonly data: DataDirectory;
  readonly databaseName: string;
  readonly databaseUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly models: { readonly apiKey?: string | undefined; readonly baseUrl?: string | undefined };
  readonly log: (line: string) => void;
}

/** The handlers' dependencies besides AWS, each in a separate process or native. */
export interface Engines {
  readonly database: RunningDatabase;
  readonly redisUrl: string;
  /** Undefined: OpenAI's own. */
  readonly modelBaseUrl: string | undefined;
  close(): Promise<void>;
}

/** Starts the engines side by side. When one fails the others are ended, and the first failure is the reason. */
export async function startEngines(settings: EngineSettings): Promise<Engines> {
  const { data, databaseName, databaseUrl, log } = settings;
  const database = startDatabase({
    databaseUrl,
    databaseName,
    directory: data.directory('postgres'),
    lastPort: data.state.ports.database,
    rootKey: data.state.rootKey,
    log,
  });
  const [redis, models] = [startRedis(settings), startModels(settings)];
  const settled = await Promise.allSettled([database, redis, models]);
  const close = async (): Promise<void> => {
    await Promise.all(settled.map((one) => (one.status === 'fulfilled' ? one.value.close() : undefined)));
  };
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) {
    await close();
    throw failed.reason;
  }
  const { port } = await database;
  if (databaseUrl === undefined) data.remember({ ports: { ...data.state.ports, database: port } });
  return { database: await database, redisUrl: (await redis).url, modelBaseUrl: (await models).url, close };
}

interface Server<Url> {
  readonly url: Url;
  close(): Promise<void>;
}

const native = <Url>(url: Url): Server<Url> => ({ url, close: async () => {} });

async function startRedis({ redisUrl, log }: EngineSettings): Promise<Server<string>> {
  return redisUrl === undefined ? startServerProcess('redis', log) : native(redisUrl);
}

async function startModels({ models, log }: EngineSettings): Promise<Server<string | undefined>> {
  const real = models.apiKey !== undefined || models.baseUrl !== undefined;
  return real ? native(models.baseUrl) : startServerProcess('models', log);
}
