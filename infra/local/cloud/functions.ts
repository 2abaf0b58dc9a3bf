import { availableParallelism } from 'node:os';
import { environmentNames as names } from '../../../shared/core/env-names.ts';
import type { Assembly, EventSourceMapping, LambdaFunction } from '../assembly/model.ts';
import type { Principal } from '../iam/authorizer.ts';
import { FunctionRunner } from '../lambda/function-runner.ts';
import { LambdaService } from '../lambda/lambda-service.ts';
import { runtimeEnvironment } from '../lambda/runtime-environment.ts';
import {
  type EventSourceMappingOptions,
  type EventSourceMapping as RunningMapping,
  startEventSourceMapping,
} from '../sqs/event-source-mapping.ts';
import { type AwsServices, serviceLog } from './aws-services.ts';

/**
 * Execution environments of one function for each queue that feeds it, unless the template allows fewer or the caller says otherwise.
 * More than there are cores only cost: on two cores four of each took 40 ms of processor time a document, two 30. But queues run
 * beside each other, as on Lambda: what is urgent must not wait for an environment until what can wait has had its turn.
 */
const defaultConcurrency = Math.min(4, Math.max(2, availableParallelism()));

export interface FunctionSettings {
  readonly assembly: Assembly;
  readonly principals: ReadonlyMap<string, Principal>;
  readonly endpoints: Readonly<Record<string, string>>;
  readonly databasePort: number;
  readonly redisUrl: string;
  readonly modelBaseUrl: string | undefined;
  readonly concurrency: number | undefined;
  /** For every function, after all else: failpoints of a test bundle. */
  readonly environment: Readonly<Record<string, string>>;
  readonly onLine: (functionName: string, line: string) => void;
  readonly log: (line: string) => void;
}

/** A runner for every function of the assembly; none has a process yet. */
export function createLambda(settings: FunctionSettings): LambdaService {
  const runners = settings.assembly.functions.map((lambda) => {
    const credentials = settings.principals.get(lambda.roleArn);
    if (!credentials) throw new Error(`${lambda.name}: its role ${lambda.roleArn} is not in the assembly`);
    return new FunctionRunner({
      function: lambda,
      concurrency: environmentsOf(lambda, settings),
      variables: runtimeEnvironment(lambda, {
        credentials,
        endpoints: settings.endpoints,
        overrides: { ...addresses(lambda, settings), ...settings.environment },
      }),
      onLine: (line) => settings.onLine(lambda.name, line),
    });
  });
  return new LambdaService(runners, settings.log);
}

/** As many as its queues can use together, within what the template reserves. They start when they are needed. */
function environmentsOf(
  lambda: LambdaFunction,
  { assembly, concurrency = defaultConcurrency }: Pick<FunctionSettings, 'assembly' | 'concurrency'>,
): number {
  const queues = assembly.eventSourceMappings.filter(({ functionName }) => functionName === lambda.name);
  const wanted =
    queues.length === 0 ? concurrency : queues.reduce((sum, queue) => sum + invocationsAtOnce(queue, concurrency), 0);
  return Math.min(lambda.reservedConcurrency ?? wanted, wanted);
}

function invocationsAtOnce({ maximumConcurrency }: EventSourceMapping, concurrency = defaultConcurrency): number {
  return Math.min(maximumConcurrency ?? concurrency, concurrency);
}

/**
 * What the template cannot know: the database's port, which the network rules fix before there is a database, the login
 * of a native cache, and the model server of this machine. A function that was not given the variable's companion is given none.
 */
function addresses(lambda: LambdaFunction, settings: FunctionSettings): Record<string, string> {
  const { environment } = lambda;
  return {
    ...(names.databasePort in environment ? { [names.databasePort]: String(settings.databasePort) } : {}),
    ...(names.cacheUrl in environment ? { [names.cacheUrl]: settings.redisUrl } : {}),
    ...(names.modelSecret in environment && settings.modelBaseUrl !== undefined
      ? { [names.modelBaseUrl]: settings.modelBaseUrl }
      : {}),
  };
}

/** Polls the queue of a mapping for its function, with the rights of the function's role. */
export function startMapping(
  mapping: EventSourceMapping,
  lambda: LambdaService,
  aws: AwsServices,
  { principals, concurrency, log }: Pick<FunctionSettings, 'principals' | 'concurrency' | 'log'>,
): RunningMapping {
  const runner = lambda.runner(mapping.functionName);
  const queue = aws.sqs.queue(mapping.queueArn);
  const principal = principals.get(runner.function.roleArn);
  if (!queue || !principal) throw new Error(`${mapping.logicalId}: ${mapping.queueArn} is not in the assembly`);
  // A batch that waits for an environment stays hidden; it must not come back to the queue meanwhile.
  const waitMilliseconds = (queue.settings.visibilityTimeout * 1_000) / 2;
  const invoke: EventSourceMappingOptions['invoke'] = async (event) => {
    const result = await runner.invoke(JSON.stringify(event), { waitMilliseconds });
    if (result.succeeded) return JSON.parse(result.payload) as unknown;
    throw Object.assign(new Error(result.error.errorMessage), { name: result.error.errorType });
  };
  return startEventSourceMapping({
    queue,
    batchSize: mapping.batchSize,
    batchingWindowSeconds: mapping.batchingWindowSeconds,
    maximumConcurrency: invocationsAtOnce(mapping, concurrency),
    reportBatchItemFailures: mapping.reportBatchItemFailures,
    invoke,
    log: serviceLog('sqs', log),
    role: { authorizer: aws.iam, principal },
  });
}
