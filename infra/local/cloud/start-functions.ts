import type { Assembly, RestApi } from '../assembly/model.ts';
import type { LocalMetrics } from '../cloudwatch/metrics.ts';
import { createInvokeApi } from '../lambda/invoke-api.ts';
import type { LambdaService } from '../lambda/lambda-service.ts';
import type { EventSourceMapping } from '../sqs/event-source-mapping.ts';
import type { TraceDaemon } from '../xray/trace-daemon.ts';
import type { AwsServices } from './aws-services.ts';
import { type Closers, closeGraceMilliseconds } from './closers.ts';
import type { DataDirectory } from './data-directory.ts';
import type { Engines } from './engines.ts';
import { createLambda, startMapping } from './functions.ts';
import { closeServer, listen, listenAgain } from './listen.ts';
import { principalsOfRoles } from './principals.ts';

/** As in `LocalCloudOptions`. */
export interface FunctionOptions {
  readonly concurrency?: number | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  readonly log?: (line: string) => void;
  readonly onFunctionLine?: (functionName: string, line: string) => void;
}

/** The services that are running when the functions start. */
export interface Started {
  readonly assembly: Assembly;
  readonly aws: AwsServices;
  readonly data: DataDirectory;
  readonly engines: Engines;
  readonly metrics: LocalMetrics;
  readonly traces: TraceDaemon;
}

/** Makes the runners of all functions and the API to invoke them by; no function has a process yet. */
export async function startFunctions(
  options: FunctionOptions,
  started: Started,
  closers: Closers,
): Promise<LambdaService> {
  const { assembly, aws, data, engines, metrics, traces } = started;
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
    environment: { AWS_XRAY_DAEMON_ADDRESS: traces.address, ...options.environment },
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
export async function warmRoutes(api: RestApi, lambda: LambdaService): Promise<void> {
  const buffered = new Set(api.routes.filter(({ streaming }) => !streaming).map(({ functionName }) => functionName));
  await Promise.all([...buffered].map((name) => lambda.runner(name).warm()));
}

/** Polls every queue that a mapping names. */
export function startMappings(
  { concurrency, log = () => {} }: Pick<FunctionOptions, 'concurrency' | 'log'>,
  { assembly, aws, data }: Pick<Started, 'assembly' | 'aws' | 'data'>,
  lambda: LambdaService,
  closers: Closers,
): ReadonlyMap<string, EventSourceMapping> {
  const principals = principalsOfRoles(data.state.rootKey, assembly.roles);
  const mappings = new Map(
    assembly.eventSourceMappings
      .filter(({ enabled }) => enabled)
      .map((mapping) => [mapping.logicalId, startMapping(mapping, lambda, aws, { principals, concurrency, log })]),
  );
  closers.push(() => stopMappings(mappings));
  return mappings;
}

/** Running invocations may finish, within limits: an interrupted batch is redelivered by its queue. */
async function stopMappings(mappings: ReadonlyMap<string, EventSourceMapping>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, closeGraceMilliseconds);
  });
  await Promise.race([Promise.all([...mappings.values()].map((mapping) => mapping.stop())), patience]);
  clearTimeout(timer);
}
