import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LambdaFunction, RestApi, Route } from '../../infra/local/assembly/model.ts';
import { FunctionRunner } from '../../infra/local/lambda/function-runner.ts';
import { runtimeEnvironment } from '../../infra/local/lambda/runtime-environment.ts';

export interface LocalFunction {
  readonly runner: FunctionRunner;
  readonly lines: readonly string[];
  close(): Promise<void>;
}

export interface FunctionOptions {
  readonly concurrency?: number;
  readonly idleMilliseconds?: number;
  readonly timeoutSeconds?: number;
  readonly memoryMegabytes?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A function whose module is `source` and whose handler is its export `handler`. */
export function localFunction(source: string, options: FunctionOptions = {}): LocalFunction {
  const codeDirectory = mkdtempSync(join(tmpdir(), 'dbrag-function-'));
  writeFileSync(join(codeDirectory, 'index.mjs'), source);
  const lambda: LambdaFunction = {
    stack: 'test',
    logicalId: 'Function',
    name: 'test-function',
    arn: 'arn:aws:lambda:us-east-1:000000000000:function:test-function',
    handler: 'index.handler',
    codeDirectory,
    environment: options.environment ?? {},
    memoryMegabytes: options.memoryMegabytes ?? 256,
    timeoutSeconds: options.timeoutSeconds ?? 10,
    reservedConcurrency: null,
    roleArn: 'arn:aws:iam::000000000000:role/test',
  };
  const lines: string[] = [];
  const runner = new FunctionRunner({
    function: lambda,
    concurrency: options.concurrency ?? 2,
    ...(options.idleMilliseconds === undefined ? {} : { idleMilliseconds: options.idleMilliseconds }),
    variables: runtimeEnvironment(lambda, {
      credentials: { accessKeyId: 'test-key', secretAccessKey: 'test-secret' },
      endpoints: { SQS: 'http://127.0.0.1:1' },
    }),
    onLine: (line) => lines.push(line),
  });
  return {
    runner,
    lines,
    async close() {
      await runner.close();
      rmSync(codeDirectory, { recursive: true });
    },
  };
}

export function localApi(routes: readonly Partial<Route>[], rest: Partial<Omit<RestApi, 'routes'>> = {}): RestApi {
  return {
    logicalId: 'Api',
    id: 'abcdefghij',
    stageName: 'live',
    binaryMediaTypes: [],
    gatewayResponses: [],
    ...rest,
    routes: routes.map((route) => ({
      path: '/{proxy+}',
      method: 'ANY',
      functionName: 'test-function',
      streaming: false,
      timeoutMilliseconds: 29_000,
      ...route,
    })),
  };
}
