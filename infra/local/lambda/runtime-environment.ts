import { delimiter, dirname } from 'node:path';
import type { LambdaFunction } from '../assembly/model.ts';
import { localRegion } from '../assembly/names.ts';

export interface RuntimeSettings {
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** AWS service as in `AWS_ENDPOINT_URL_<SERVICE>` → URL. */
  readonly endpoints: Readonly<Record<string, string>>;
  /** Wins over the template: addresses that the template cannot know. */
  readonly overrides?: Readonly<Record<string, string>>;
}

/** The environment of a function's process: the template's, what Lambda adds, and nothing of the machine but PATH and TMPDIR. */
export function runtimeEnvironment(lambda: LambdaFunction, settings: RuntimeSettings): Record<string, string> {
  const endpoints = Object.entries(settings.endpoints).map(([service, url]) => [`AWS_ENDPOINT_URL_${service}`, url]);
  return {
    PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter),
    ...(process.env.TMPDIR === undefined ? {} : { TMPDIR: process.env.TMPDIR }),
    TZ: 'UTC',
    LANG: 'en_US.UTF-8',
    ...lambda.environment,
    ...settings.overrides,
    _HANDLER: lambda.handler,
    LAMBDA_TASK_ROOT: lambda.codeDirectory,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_REGION: localRegion,
    AWS_DEFAULT_REGION: localRegion,
    AWS_LAMBDA_FUNCTION_NAME: lambda.name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(lambda.memoryMegabytes),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${lambda.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_ACCESS_KEY_ID: settings.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: settings.credentials.secretAccessKey,
    ...Object.fromEntries(endpoints),
  };
}
