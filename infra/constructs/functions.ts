import { Policy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  type CfnFunction,
  type Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { Duration, RemovalPolicy, Size, Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import { type HandlerEntry, handlerExport } from '../bundle.ts';
import { openStreams } from '../open-streams.ts';
import type { StageSettings } from '../stage-settings.ts';
import { totalOf, workConcurrency } from '../work-concurrency.ts';
import type { Keys } from './keys.ts';
import { encryptedLogGroup, type LogSettings } from './log-group.ts';
import type { Network } from './network.ts';
import { metricsNamespace } from './watching/service-metrics.ts';

export interface FunctionsProps {
  readonly stage: StageSettings;
  readonly code: Code;
  readonly network: Network;
  readonly keys: Keys;
  readonly logs: LogSettings;
}

export interface FunctionSettings {
  readonly entry: HandlerEntry;
  readonly description: string;
  readonly memoryMegabytes: number;
  readonly timeout: Duration;
  readonly reservedConcurrency?: number;
  /** True: no way out but what is granted; default TLS to anywhere, for AWS and the models. */
  readonly secluded?: boolean;
  /** Flags of Node. */
  readonly nodeOptions?: string;
  /** Scratch space; default the 512 MB that cost nothing. */
  readonly diskMegabytes?: number;
}

/**
 * Makes functions that are alike in everything but their work: one role, one security group and one encrypted log group each, and
 * nothing allowed but to start, log and trace until something is granted.
 */
export class Functions extends Construct {
  private readonly props: FunctionsProps;
  private readonly baseline: Policy;

  constructor(scope: Construct, id: string, props: FunctionsProps) {
    super(scope, id);
    this.props = props;
    this.baseline = this.createBaseline();
    Validations.of(this).acknowledge(
      {
        id: 'Serverless-LambdaDLQ',
        reason:
          'None is invoked asynchronously but the migration, whose failure CloudFormation reports and rolls back.',
      },
      {
        id: 'Serverless-LambdaEventSourceMappingDestination',
        reason: 'An SQS source has no destinations: what fails goes to the dead-letter queue of its queue.',
      },
    );
  }

  add(id: string, settings: FunctionSettings): LambdaFunction {
    const { stage, code, network, keys, logs } = this.props;
    const logGroup = encryptedLogGroup(this, `${id}Logs`, logs);
    const role = this.createRole(id);
    logGroup.grantWrite(role);
    const securityGroup = network.securityGroup(this, `${id}SecurityGroup`, `Function ${settings.entry}`);
    const fn = new LambdaFunction(this, id, {
      description: settings.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code,
      handler: `${settings.entry}.${handlerExport}`,
      memorySize: settings.memoryMegabytes,
      timeout: settings.timeout,
      ephemeralStorageSize: Size.mebibytes(settings.diskMegabytes ?? 512),
      ...(settings.reservedConcurrency === undefined
        ? {}
        : { reservedConcurrentExecutions: settings.reservedConcurrency }),
      role,
      vpc: network.vpc,
      vpcSubnets: network.functionSubnets,
      securityGroups: [securityGroup],
      environmentEncryption: keys.data,
      environment: {
        ...commonEnvironment(stage, settings.entry),
        ...(settings.nodeOptions === undefined ? {} : { NODE_OPTIONS: settings.nodeOptions }),
      },
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      currentVersionOptions: { description: 'made by a deploy', removalPolicy: RemovalPolicy.RETAIN },
    });
    // The L2 would add the right to every role, with a wildcard each; the baseline has it once.
    (fn.node.defaultChild as CfnFunction).tracingConfig = { mode: 'Active' };
    // A function in a VPC cannot be created before its role may make network interfaces.
    fn.node.addDependency(this.baseline);
    if (!settings.secluded) network.grantHttps(fn);
    return fn;
  }

  /** Only this account's Lambda may wear the role. */
  private createRole(id: string): Role {
    const { account } = Stack.of(this);
    const role = new Role(this, `${id}Role`, {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': account } },
      }),
    });
    this.baseline.attachToRole(role);
    return role;
  }

  private createBaseline(): Policy {
    const policy = new Policy(this, 'Baseline', {
      statements: [
        new PolicyStatement({
          actions: [
            'ec2:CreateNetworkInterface',
            'ec2:DescribeNetworkInterfaces',
            'ec2:DescribeSubnets',
            'ec2:DeleteNetworkInterface',
            'ec2:AssignPrivateIpAddresses',
            'ec2:UnassignPrivateIpAddresses',
          ],
          resources: ['*'],
        }),
        new PolicyStatement({ actions: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], resources: ['*'] }),
      ],
    });
    Validations.of(policy).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'Network interfaces of functions and trace segments have no ARNs that could be named beforehand.',
    });
    return policy;
  }
}

/** The stage's time-out for a function: its own, or the cap of a stage that tests run into. */
export function timeoutFor(stage: StageSettings, seconds: number): Duration {
  return Duration.seconds(Math.min(seconds, stage.operations.functionTimeoutCap ?? seconds));
}

/** The environment of every function: nothing secret, nothing that needs a right. */
function commonEnvironment(stage: StageSettings, entry: HandlerEntry): Record<string, string> {
  const { models, api, ingestion } = stage;
  const { embed } = workConcurrency(stage);
  return {
    [names.stage]: stage.name,
    [names.service]: entry.replace(/^.*\//, ''),
    [names.metricsNamespace]: metricsNamespace(stage),
    [names.logLevel]: 'INFO',
    [names.embeddingModel]: models.embedding.model,
    [names.embeddingDimensions]: String(models.embedding.dimensions),
    ...(models.fallbackEmbeddingModel === null
      ? {}
      : {
          [names.embeddingFallbackModel]: models.fallbackEmbeddingModel,
          [names.embeddingFallbackDimensions]: String(
            models.fallbackEmbeddingDimensions ?? models.embedding.dimensions,
          ),
        }),
    [names.embeddingBudget]: JSON.stringify({
      tokensPerMinute: models.tokensPerMinute,
      requestsPerMinute: models.requestsPerMinute,
      processes: totalOf(embed),
    }),
    [names.chatModel]: models.chatModel,
    [names.chatModelChoices]: JSON.stringify(models.chatModelChoices),
    ...(models.baseUrl === null ? {} : { [names.modelBaseUrl]: models.baseUrl }),
    [names.maximumFileBytes]: String(ingestion.maximumFileBytes),
    [names.searchSettings]: JSON.stringify(stage.search),
    [names.versionGraceSeconds]: String(ingestion.versionGraceSeconds),
    [names.corsOrigins]: JSON.stringify(api.corsOrigins),
    [names.identityProviders]: JSON.stringify(api.identityProviders),
    [names.rateLimits]: JSON.stringify(stage.rateLimits),
    [names.openStreams]: String(openStreams(stage)),
    [names.quotas]: JSON.stringify(stage.quotas),
  };
}
