import {
  CfnAccount,
  type CfnRestApi,
  EndpointAccessMode,
  EndpointType,
  type IResource,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  Resource,
  ResponseTransferMode,
  RestApi,
  type Stage,
} from 'aws-cdk-lib/aws-apigateway';
import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Duration, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { ApiSettings } from '../stage-settings.ts';
import { accessLogFormat } from './access-log-format.ts';
import type { Alarms } from './alarms.ts';
import { ApiDomain, securityPolicies } from './api-domain.ts';
import { ApiLogRole } from './api-log-role.ts';
import { addGatewayResponses } from './gateway-responses.ts';
import { encryptedLogGroup, type LogSettings } from './log-group.ts';

/** API Gateway's own ceiling for an answer in one piece. */
const bufferedTimeout = Duration.seconds(29);
/** Its ceiling for an answer in a stream. */
const streamingTimeout = Duration.minutes(15);
const serverErrorsThatAlarm = 4;
const usualPeriod = Duration.minutes(5);

/**
 * Routes whose answer may be a stream, or that must hear of a caller who leaves; a REST API cannot choose by the body, so these always go
 * to the streaming function.
 */
const streamingRoutes = [
  ['POST', '/v1/queries'],
  ['POST', '/v1/conversations/{id}/messages'],
  ['GET', '/v1/jobs/{id}/events'],
  ['POST', '/v1/sql/run'],
  // Compressed bytes, which a buffered answer could only give to clients that ask for binary types.
  ['GET', '/docs/reference.js'],
] as const;

export interface HttpApiProps {
  readonly settings: ApiSettings;
  readonly stageName: string;
  readonly logs: LogSettings;
  readonly buffered: IFunction;
  readonly streaming: IFunction;
  readonly alarms: Alarms;
}

/** By which its metrics are found. */
export const restApiName = (stageName: string): string => `dbrag-${stageName}`;

/** The REST API: everything to one function, but what streams. Routes, roles and validation live in the function. */
export class HttpApi extends Construct {
  readonly url: string;
  /** API Gateway's own, which answers whatever a name of one's own is pointed at. */
  readonly gatewayUrl: string;
  readonly stage: Stage;
  private readonly api: RestApi;

  constructor(scope: Construct, id: string, props: HttpApiProps) {
    super(scope, id);
    const { settings, buffered, streaming } = props;
    const api = this.createApi(props);
    const whole = new LambdaIntegration(buffered, { timeout: bufferedTimeout, scopePermissionToMethod: false });
    const stream = new LambdaIntegration(streaming, {
      responseTransferMode: ResponseTransferMode.STREAM,
      timeout: streamingTimeout,
      allowTestInvoke: false,
    });
    for (const [method, path] of streamingRoutes) api.root.resourceForPath(path).addMethod(method, stream);
    catchTheRest(api.root, whole);
    addGatewayResponses(api, settings.corsOrigins);
    this.api = api;
    this.gatewayUrl = api.url;
    this.url = settings.domain ? new ApiDomain(this, 'Domain', api, settings).url : api.url;
    this.stage = api.deploymentStage;
    this.watchServerErrors(props.alarms);
    acknowledgeOwnAuthorization(api);
    if (!settings.firewall) acknowledgeNoFirewall(api);
  }

  /** Requests that were answered, by whatever status. */
  requests(period = usualPeriod): Metric {
    return this.api.metricCount({ period });
  }

  /** Those that were answered 5xx. */
  serverErrors(period = usualPeriod): Metric {
    return this.api.metricServerError({ period, statistic: 'Sum' });
  }

  private createApi({ settings, stageName, logs }: HttpApiProps): RestApi {
    const logRole = new ApiLogRole(this, 'LogRole');
    const account = new CfnAccount(this, 'Account', { cloudWatchRoleArn: logRole.role.roleArn });
    account.node.addDependency(logRole);
    const api = new RestApi(this, 'Api', {
      restApiName: restApiName(stageName),
      description: 'dbrag HTTP API',
      endpointTypes: [EndpointType.REGIONAL],
      cloudWatchRole: false,
      deployOptions: {
        stageName: 'live',
        throttlingRateLimit: settings.requestsPerSecond,
        throttlingBurstLimit: settings.burst,
        tracingEnabled: true,
        metricsEnabled: true,
        loggingLevel: MethodLoggingLevel.ERROR,
        // Bodies hold documents and questions.
        dataTraceEnabled: false,
        accessLogDestination: new LogGroupLogDestination(encryptedLogGroup(this, 'AccessLog', logs)),
        accessLogFormat,
      },
    });
    api.deploymentStage.node.addDependency(account);
    acceptTls(api, settings.tls);
    return api;
  }

  private watchServerErrors(alarms: Alarms): void {
    alarms.watch(this, 'ServerErrors', {
      says: 'The API answers 5xx.',
      runbook: 'The API answers 5xx',
      metric: this.serverErrors(),
      above: serverErrorsThatAlarm,
    });
  }
}

/** The L2 knows policies of domain names only; the API's own name needs the same one. */
function acceptTls(api: RestApi, tls: ApiSettings['tls']): void {
  const resource = api.node.defaultChild as CfnRestApi;
  resource.securityPolicy = securityPolicies[tls];
  resource.endpointAccessMode = EndpointAccessMode.BASIC;
}

/**
 * Gives every resource of the tree a method and a greedy child for whatever has none: a resource may hide the proxy route of its
 * parents, so `/v1/jobs/{id}/retry` would be lost beside `/v1/jobs/{id}/events`.
 */
function catchTheRest(resource: IResource, integration: LambdaIntegration): void {
  const children = resource.node.children.filter((child): child is Resource => child instanceof Resource);
  for (const child of children) catchTheRest(child, integration);
  resource.addMethod('ANY', integration);
  if (children.length > 0) resource.addResource('{proxy+}').addMethod('ANY', integration);
}

function acknowledgeNoFirewall(api: RestApi): void {
  Validations.of(api.deploymentStage).acknowledge({
    id: 'AwsSolutions-APIG3',
    reason: 'A firewall costs a third of what the small stage costs idle; the production stage has one.',
  });
}

function acknowledgeOwnAuthorization(api: RestApi): void {
  const reason = 'API keys and JWT are checked in the function, where a test holds every route against its role.';
  Validations.of(api).acknowledge(
    { id: 'AwsSolutions-APIG4', reason },
    { id: 'AwsSolutions-COG4', reason },
    {
      id: 'AwsSolutions-APIG2',
      reason: 'Requests are validated in the function, by the schemas that make the OpenAPI description.',
    },
  );
}
