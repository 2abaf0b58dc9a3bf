import { environmentNames as names } from '../../../shared/core/env-names.ts';
import type { Assembly, RestApi } from '../assembly/model.ts';
import type { AwsServices } from './aws-services.ts';
import { secretArnOf } from './secret-values.ts';

/** The key for a model server that requires none. */
const keyWithoutMeaning = 'offline';

export function onlyApi(assembly: Assembly): RestApi {
  const [api, ...others] = assembly.restApis;
  if (api && others.length === 0) return api;
  throw new Error(`The assembly declares ${assembly.restApis.length} REST APIs; the local gateway serves one`);
}

export function storeModelKey(assembly: Assembly, aws: AwsServices, apiKey: string | undefined): void {
  aws.secrets.setValue(secretArnOf(assembly, names.modelSecret), apiKey ?? keyWithoutMeaning);
}

/** Of the functions that also use the operator's key, which is the HTTP API: not the maintainer's. */
export function applicationSecretArn(assembly: Assembly): string {
  const api = assembly.functions.find(({ environment }) => names.operatorSecret in environment);
  const arn = api?.environment[names.databaseSecret];
  if (arn === undefined) throw new Error(`No function has both ${names.operatorSecret} and ${names.databaseSecret}`);
  return arn;
}

export function uploadBucket(assembly: Assembly): string {
  const bucket = assembly.buckets.find(({ notifications }) => notifications.length > 0);
  if (!bucket) throw new Error('No bucket of the assembly notifies a queue');
  return bucket.name;
}

/** Where the roots of the audit trail are locked. */
export function auditBucket(assembly: Assembly): string {
  const keeper = assembly.functions.find(({ environment }) => names.auditBucketName in environment);
  const name = keeper?.environment[names.auditBucketName];
  if (name === undefined) throw new Error(`No function has ${names.auditBucketName}`);
  return name;
}
