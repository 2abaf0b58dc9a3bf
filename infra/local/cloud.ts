import { environmentNames as names } from '../../shared/core/env-names.ts';
import type { Assembly, RestApi } from './assembly/model.ts';
import { readAssembly } from './assembly/read-assembly.ts';
import { type AwsServices, serviceLog, startAwsServices } from './cloud/aws-services.ts';
import { deployCustomResources } from './cloud/custom-resources.ts';
import { type DataDirectory, openDataDirectory } from './cloud/data-directory.ts';
import { createMasterUser, type RunningDatabase } from './cloud/database.ts';
import { type Engines, startEngines } from './cloud/engines.ts';
import { createLambda, startMapping } from './cloud/functions.ts';
import { closeServer, listen, listenAgain } from './cloud/listen.ts';
import { administrator, principalsOfRoles } from './cloud/principals.ts';
import { addSchedules } from './cloud/schedules.ts';
import { type Login, secretArnOf, secretLogin, secretValue } from './cloud/secret-values.ts';
import { createMetrics, type LocalMetrics } from './cloudwatch/metrics.ts';
import { createGateway } from './gateway/server.ts';
import type { Principal } from './iam/authorizer.ts';
import { createInvokeApi } from './lambda/invoke-api.ts';
import type { LambdaService } from './lambda/lambda-service.ts';
import type { EventSourceMapping } from './sqs/event-source-mapping.ts';

export interface LocalCloudOptions {
  /** `cdk.out`, or how to make it; it is made while the engines start, once the data directory is this process's own. */
  readonly assemblyDirectory: string | (() => Promise<string>);
  /** Where everything accepted is kept. */
  readonly dataDirectory: string;
  /** Where the API listens on loopback; 0 takes a free port. */
  readonly port: number;
  /** Admin URL of a native Postgres with pgvector, in place of the embedded one. */
  readonly databaseUrl?: string | undefined;
  /** Of a native Redis or Valkey, in place of the embedded one. */
  readonly redisUrl?: string | undefined;
  /** Real models: a key, a base URL of an OpenAI-compatible server, or both. The offline models otherwise. */
  readonly models?: { readonly apiKey?: string | undefined; readonly baseUrl?: string | undefined };
  /** Execution environments per function. */
  readonly concurrency?: number | undefined;
  /** Additional variables of every function. */
  readonly environment?: Readonly<Record<string, string>>;
  /** One line of a server or of the cloud itself. */
  readonly log?: (line: string) => void;
  /** One line that a function printed, metrics left out. */
  readonly onFunctionLine?: (functionName: string, line: string) => void;
  /** Told the name of a phase when it has ended. */
  readonly onPhase?: (phase: string) => void;
}

export interface LocalCloud {
  readonly url: string;
  readonly assembly: Assembly;
  readonly aws: AwsServices;
  readonly lambda: LambdaService;
  /** What the functions published in the embedded metric format; also at `/metrics` for Prometheus. */
  readonly metrics: LocalMetrics;
  /** By the logical id of the mapping. */
  readonly mappings: ReadonlyMap<string, EventSourceMapping>;
  readonly database: RunningDatabase;
  readonly redisUrl: string;
  /** Undefined: OpenAI's own. */
  readonly modelBaseUrl: string | undefined;
  /** An access key that may do everything. */
  readonly administrator: Principal;
  readonly operatorKey: string;
  /** The bucket whose new objects become documents. */
  readonly uploadBucket: string;
  /** The role of the database that the handlers connect as. */
  readonly applicationLogin: Login;
  close(): Promise<void>;
}

/** The database that the stacks declare; it is started before their assembly has been read. */
const databaseName = 'dbrag';
const closeGraceMilliseconds = 1_000;
/** What a model server that asks for no key is given. */
const keyWithoutMeaning = 'offline';

type Closers = (() => Promise<void> | void)[];

/** Starts everything that a cloud assembly describes, on this machine. Rejects, with nothing left running, when a part cannot start. */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const closers: Closers = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const cloud = await compose(options, closers);
    return { ...cloud, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function compose(options: LocalCloudOptions, closers: Closers): Promise<Omit<LocalCloud, 'close'>> {
  const { log = () => {}, onPhase = () => {} } = options;
  const data = await openDataDirectory(options.dataDirectory);
  closers.push(() => data.release());
  const starting = startEngines({
    data,
    databaseName,
    databaseUrl: options.databaseUrl,
    redisUrl: options.redisUrl,
    models: options.models ?? {},
    log,
  });
  closers.push(() => starting.then((engines) => engines.close()).catch(() => {}));
  const [aws, directory] = await startDeclaredServices(options, data, closers);
  onPhase('cloud services');
  const engines = await starting;
  onPhase('database, cache and models');

  const assembly = readAssembly(directory, endpointsOf(engines, aws));
  storeModelKey(assembly, aws, options.models?.apiKey);
  for (const { ownerSecretArn } of assembly.databases) {
    await createMasterUser(engines.database, secretLogin(aws.secrets, ownerSecretArn));
  }
  const metrics = createMetrics(serviceLog('cloudwatch', log));
  const lambda = await startFunctions(options, { assembly, aws, data, engines, metrics }, closers);
  const known = data.state.customResources;
  const warm = warmRoutes(onlyApi(assembly), lambda);
  const customResources = await deployCustomResources(assembly.customResources, known, (name) => lambda.runner(name));
  data.remember({ customResources });
  onPhase('migration');
  const mappings = startMappings(assembly, aws, lambda, data, log, closers);
  addSchedules(assembly.schedules, aws, lambda);
  await warm;
  const url = await startGateway(options, onlyApi(assembly), { lambda, metrics }, closers);
  onPhase('gateway');
  return {
    url,
    assembly,
    aws,
    lambda,
    metrics,
    mappings,
    ...engines,
    administrator: administrator(data.state.rootKey),
    operatorKey: secretValue(aws.secrets, secretArnOf(assembly, names.operatorSecret)),
    uploadBucket: uploadBucket(assembly),
    applicationLogin: secretLogin(aws.secrets, applicationSecretArn(assembly)),
  };
}

async function startDeclaredServices(
  options: LocalCloudOptions,
  data: DataDirectory,
  closers: Closers,
): Promise<[AwsServices, string]> {
  const { assemblyDirectory } = options;
  const directory = typeof assemblyDirectory === 'string' ? assemblyDirectory : await assemblyDirectory();
  options.onPhase?.('assembly');
  const declared = readAssembly(directory);
  const other = declared.databases.find(({ name }) => name !== databaseName);
  if (other)
    throw new Error(`The assembly declares the database ${other.name}; ${databaseName} is the one that is started`);
  const aws = await startAwsServices(declared, data, options.log ?? (() => {}));
  closers.push(() => aws.close());
  return [aws, directory];
}

function endpointsOf({ database, redisUrl }: Engines, aws: AwsServices) {
  const cache = new URL(redisUrl);
  return {
    database,
    cache: { host: cache.hostname, port: Number(cache.port || 6379) },
    queueUrl: (name: string) => `${aws.endpoints.SQS}/000000000000/${name}`,
  };
}

interface Started {
  readonly assembly: Assembly;
  readonly aws: AwsServices;
  readonly data: DataDirectory;
  readonly engines: Engines;
  readonly metrics: LocalMetrics;
}

async function startFunctions(options: LocalCloudOptions, started: Started, closers: Closers): Promise<LambdaService> {
  const { assembly, aws, data, engines, metrics } = started;
  const log = options.log ?? (() => {});
  let lambda: LambdaService | undefined;
  const api = createInvokeApi({
    authorizer: aws.iam,
    lambda: () => {
      if (!lambda) throw new Error('The functions are not there yet');
      return lambda;
    },
  });
  const port = await listenAgain((wanted) => listen(api, wanted), data.state.ports.lambda);
  data.remember({ ports: { ...data.state.ports, lambda: port } });
  closers.push(() => closeServer(api, closeGraceMilliseconds));
  const created = createLambda({
    assembly,
    principals: principalsOfRoles(data.state.rootKey, assembly.roles),
    endpoints: { ...aws.endpoints, LAMBDA: `http://127.0.0.1:${port}` },
    databasePort: engines.database.port,
    redisUrl: engines.redisUrl,
    modelBaseUrl: engines.modelBaseUrl,
    concurrency: options.concurrency,
    environment: options.environment ?? {},
    onLine: (name, line) => {
      if (!metrics.readLine(line)) options.onFunctionLine?.(name, line);
    },
    log,
  });
  lambda = created;
  closers.push(() => created.close());
  return created;
}

/** The functions behind the API have an environment before the first request comes; a failure shows in that request. */
async function warmRoutes(api: RestApi, lambda: LambdaService): Promise<void> {
  const buffered = new Set(api.routes.filter(({ streaming }) => !streaming).map(({ functionName }) => functionName));
  await Promise.all([...buffered].map((name) => lambda.runner(name).warm()));
}

function startMappings(
  assembly: Assembly,
  aws: AwsServices,
  lambda: LambdaService,
  data: DataDirectory,
  log: (line: string) => void,
  closers: Closers,
): ReadonlyMap<string, EventSourceMapping> {
  const principals = principalsOfRoles(data.state.rootKey, assembly.roles);
  const mappings = new Map(
    assembly.eventSourceMappings
      .filter(({ enabled }) => enabled)
      .map((mapping) => [mapping.logicalId, startMapping(mapping, lambda, aws, principals, log)]),
  );
  closers.push(() => stopMappings(mappings));
  return mappings;
}

/** What runs may finish, but not for ever: an interrupted batch comes back from its queue. */
async function stopMappings(mappings: ReadonlyMap<string, EventSourceMapping>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, closeGraceMilliseconds);
  });
  await Promise.race([Promise.all([...mappings.values()].map((mapping) => mapping.stop())), patience]);
  clearTimeout(timer);
}

async function startGateway(
  options: LocalCloudOptions,
  api: RestApi,
  { lambda, metrics }: { readonly lambda: LambdaService; readonly metrics: LocalMetrics },
  closers: Closers,
): Promise<string> {
  const gateway = createGateway({
    api,
    runner: (name) => lambda.runner(name),
    pages: { '/metrics': () => ({ contentType: 'text/plain; version=0.0.4', body: metrics.render() }) },
    ...(options.log ? { log: options.log } : {}),
  });
  const port = await listen(gateway, options.port);
  closers.push(() => closeServer(gateway, closeGraceMilliseconds));
  return `http://127.0.0.1:${port}`;
}

function onlyApi(assembly: Assembly): RestApi {
  const [api, ...others] = assembly.restApis;
  if (api && others.length === 0) return api;
  throw new Error(`The assembly declares ${assembly.restApis.length} REST APIs; the local gateway serves one`);
}

function storeModelKey(assembly: Assembly, aws: AwsServices, apiKey: string | undefined): void {
  aws.secrets.setValue(secretArnOf(assembly, names.modelSecret), apiKey ?? keyWithoutMeaning);
}

/** Of the functions that also use the operator's key, which is the HTTP API: not the maintainer's. */
function applicationSecretArn(assembly: Assembly): string {
  const api = assembly.functions.find(({ environment }) => names.operatorSecret in environment);
  const arn = api?.environment[names.databaseSecret];
  if (arn === undefined) throw new Error(`No function has both ${names.operatorSecret} and ${names.databaseSecret}`);
  return arn;
}

function uploadBucket(assembly: Assembly): string {
  const bucket = assembly.buckets.find(({ notifications }) => notifications.length > 0);
  if (!bucket) throw new Error('No bucket of the assembly notifies a queue');
  return bucket.name;
}
