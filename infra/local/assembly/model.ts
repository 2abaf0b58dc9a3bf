import type { PolicyStatement } from '../iam/authorizer.ts';

/** Everything of a cloud assembly that has a meaning on one machine, with every intrinsic resolved. */
export interface Assembly {
  readonly functions: readonly LambdaFunction[];
  readonly roles: readonly Role[];
  readonly queues: readonly Queue[];
  readonly eventSourceMappings: readonly EventSourceMapping[];
  readonly buckets: readonly Bucket[];
  readonly secrets: readonly Secret[];
  readonly keys: readonly Key[];
  readonly restApis: readonly RestApi[];
  readonly schedules: readonly Schedule[];
  /** In an order that respects what they depend on. */
  readonly customResources: readonly CustomResource[];
  readonly databases: readonly Database[];
  readonly caches: readonly Cache[];
  readonly outputs: readonly Output[];
}

interface Named {
  readonly stack: string;
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
}

export interface LambdaFunction extends Named {
  /** `directory/file.export`, below `codeDirectory`. */
  readonly handler: string;
  readonly codeDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMegabytes: number;
  readonly timeoutSeconds: number;
  readonly reservedConcurrency: number | null;
  readonly roleArn: string;
}

/** A role with the statements of its inline, attached and known AWS-managed policies. */
export interface Role extends Named {
  readonly statements: readonly PolicyStatement[];
}

export interface Queue extends Named {
  readonly url: string;
  readonly visibilityTimeoutSeconds: number;
  readonly delaySeconds: number;
  readonly retentionSeconds: number;
  readonly receiveWaitSeconds: number;
  readonly maximumMessageBytes: number;
  readonly fifo: boolean;
  readonly redrive: { readonly deadLetterArn: string; readonly maximumReceives: number } | null;
  readonly keyArn: string | null;
}

export interface EventSourceMapping {
  readonly logicalId: string;
  readonly functionName: string;
  readonly queueArn: string;
  readonly batchSize: number;
  readonly batchingWindowSeconds: number;
  readonly maximumConcurrency: number | null;
  readonly reportBatchItemFailures: boolean;
  readonly enabled: boolean;
}

export interface Bucket extends Named {
  readonly versioned: boolean;
  readonly objectLock: {
    readonly enabled: boolean;
    readonly retention: { readonly mode: string; readonly days: number } | null;
  };
  readonly cors: readonly CorsRule[];
  readonly keyArn: string | null;
  readonly notifications: readonly BucketNotification[];
}

export interface CorsRule {
  readonly allowedMethods: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly allowedHeaders: readonly string[];
  readonly exposedHeaders: readonly string[];
  readonly maxAgeSeconds: number | null;
}

export interface BucketNotification {
  readonly id: string;
  readonly queueArn: string;
  readonly events: readonly string[];
  readonly prefix: string;
  readonly suffix: string;
}

export interface Secret extends Named {
  readonly description: string;
  /** The members of `GenerateSecretString`, null where the template gives the value itself. */
  readonly generate: Readonly<Record<string, string | number | boolean>> | null;
  readonly value: string | null;
  readonly keyArn: string | null;
}

export interface Key {
  readonly stack: string;
  readonly logicalId: string;
  readonly id: string;
  readonly arn: string;
  readonly aliases: readonly string[];
}

export interface RestApi {
  readonly logicalId: string;
  readonly id: string;
  readonly stageName: string;
  readonly binaryMediaTypes: readonly string[];
  readonly routes: readonly Route[];
  readonly gatewayResponses: readonly GatewayResponse[];
}

export interface Route {
  /** `/v1/documents/{id}`, `/{proxy+}`. */
  readonly path: string;
  /** `GET`, …, or `ANY`. */
  readonly method: string;
  readonly functionName: string;
  readonly streaming: boolean;
  readonly timeoutMilliseconds: number;
}

export interface GatewayResponse {
  readonly type: string;
  readonly statusCode: number | null;
  /** Header name → constant value or `$context` expression, without the quotes of the template. */
  readonly headers: Readonly<Record<string, string>>;
  /** Media type → template. */
  readonly templates: Readonly<Record<string, string>>;
}

export interface Schedule {
  readonly logicalId: string;
  readonly name: string;
  readonly arn: string;
  /** `rate(…)` or `cron(…)`; null for a rule that only matches events. */
  readonly expression: string | null;
  readonly eventPattern: Readonly<Record<string, unknown>> | null;
  readonly enabled: boolean;
  readonly targets: readonly ScheduleTarget[];
}

export interface ScheduleTarget {
  readonly arn: string;
  readonly input: string | null;
  readonly messageGroupId: string | null;
}

export interface CustomResource {
  readonly stack: string;
  readonly logicalId: string;
  readonly type: string;
  /** The function that `ServiceToken` names. */
  readonly functionName: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface Database {
  readonly logicalId: string;
  readonly name: string;
  /** The secret that holds `{username, password}` of the cluster's owner. */
  readonly ownerSecretArn: string;
}

export interface Cache {
  readonly logicalId: string;
  readonly engine: string;
}

export interface Output {
  readonly stack: string;
  readonly name: string;
  readonly value: string;
}
