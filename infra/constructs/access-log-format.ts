import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';

/**
 * Who requested what, and the outcome. No headers, since `Authorization` is one. No path and no query string, since they may contain names of
 * people. The route stands in the function's line of the same request id.
 */
export const accessLogFormat = AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    extendedRequestId: '$context.extendedRequestId',
    traceId: '$context.xrayTraceId',
    ip: '$context.identity.sourceIp',
    userAgent: '$context.identity.userAgent',
    at: '$context.requestTimeEpoch',
    method: '$context.httpMethod',
    resource: '$context.resourcePath',
    status: '$context.status',
    bytes: '$context.responseLength',
    milliseconds: '$context.responseLatency',
    integrationMilliseconds: '$context.integrationLatency',
    integrationError: '$context.integrationErrorMessage',
    firewall: '$context.wafResponseCode',
  }),
);
