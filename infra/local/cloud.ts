import { environmentNames as names } from '../../shared/core/env-names.ts';
import type { Assembly } from './assembly/model.ts';
import { readAssembly } from './assembly/read-assembly.ts';
import { type AwsServices, serviceLog, startAwsServices } from './cloud/aws-services.ts';
import type { Closers } from './cloud/closers.ts';
import { deployCustomResources } from './cloud/custom-resources.ts';
import { type DataDirectory, openDataDirectory } from './cloud/data-directory.ts';
import { createMasterUser, type RunningDatabase } from './cloud/database.ts';
import { type Engines, startEngines } from './cloud/engines.ts';
import { administrator } from './cloud/principals.ts';
import { addSchedules } from './cloud/schedules.ts';
import { type Login, secretArnOf, secretLogin, secretValue } from './cloud/secret-values.ts';
import { applicationSecretArn, onlyApi, storeModelKey, uploadBucket } from './cloud/service-parts.ts';
import { startFunctions, startMappings, warmRoutes } from './cloud/start-functions.ts';
import { startGateway } from './cloud/start-gateway.ts';
import { watchingPages } from './cloud/watching-pages.ts';
import { createMetrics, type LocalMetrics } from './cloudwatch/metrics.ts';
import type { Principal } from './iam/authorizer.ts';
import { rolesWithout } from './iam/name-rights.ts';
import type { LambdaService } from './lambda/lambda-service.ts';
import type { EventSourceMapping } from './sqs/event-source-mapping.ts';
import { startTraceDaemon, type TraceDaemon } from './xray/trace-daemon.ts';

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
  /** Execution environments of a function, for each queue that feeds it. */
  readonly concurrency?: number | undefined;
  /** A right that is taken away, to see what fails without it: `<role>: <right>`, as `npm run iam:diff` names it. */
  readonly withoutRight?: string | undefined;
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
  /** The metrics that functions published in the embedded metric format; also at `/metrics` for Prometheus. */
  readonly metrics: LocalMetrics;
  /** Parts of invocations that the functions drew into their traces; also at `/traces`. */
  readonly traces: TraceDaemon;
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

  const assembly = withoutRight(readAssembly(directory, endpointsOf(engines, aws)), options);
  storeModelKey(assembly, aws, options.models?.apiKey);
  for (const { ownerSecretArn } of assembly.databases) {
    await createMasterUser(engines.database, secretLogin(aws.secrets, ownerSecretArn));
  }
  const metrics = createMetrics(serviceLog('cloudwatch', log));
  const traces = await startTraceDaemon(serviceLog('xray', log));
  closers.push(() => traces.close());
  const lambda = await startFunctions(options, { assembly, aws, data, engines, metrics, traces }, closers);
  const known = data.state.customResources;
  const warm = warmRoutes(onlyApi(assembly), lambda);
  const customResources = await deployCustomResources(assembly.customResources, known, (name) => lambda.runner(name));
  data.remember({ customResources });
  onPhase('migration');
  const mappings = startMappings(options, { assembly, aws, data }, lambda, closers);
  addSchedules(assembly.schedules, aws, lambda);
  await warm;
  const pages = watchingPages({ assembly, aws, metrics, traces });
  const url = await startGateway(options, onlyApi(assembly), { lambda, pages }, closers);
  onPhase('gateway');
  return {
    url,
    assembly,
    aws,
    lambda,
    metrics,
    traces,
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
  const aws = await startAwsServices(withoutRight(declared, options), data, options.log ?? (() => {}));
  closers.push(() => aws.close());
  return [aws, directory];
}

function withoutRight(assembly: Assembly, { withoutRight: line }: LocalCloudOptions): Assembly {
  return line === undefined ? assembly : { ...assembly, roles: rolesWithout(assembly, line) };
}

function endpointsOf({ database, redisUrl }: Engines, aws: AwsServices) {
  const cache = new URL(redisUrl);
  return {
    database,
    cache: { host: cache.hostname, port: Number(cache.port || 6379) },
    queueUrl: (name: string) => `${aws.endpoints.SQS}/000000000000/${name}`,
  };
}
