import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';

/** Who asked for what and how it went. No headers: `Authorization` is one of them. No query string: it may hold names. */
export const accessLogFormat = AccessLogFormat.custom(
  JSON.stringify({
    requestId: '$context.requestId',
    extendedRequestId: '$context.extendedRequestId',
    traceId: '$context.xrayTraceId',
    ip: '$context.identity.sourceIp',
    userAgent: '$context.identity.userAgent',
    at: '$context.requestTimeEpoch',
    method: '$context.httpMethod',
    path: '$context.path',
    status: '$context.status',
    bytes: '$context.responseLength',
    milliseconds: '$context.responseLatency',
    integrationMilliseconds: '$context.integrationLatency',
    integrationError: '$context.integrationErrorMessage',
    firewall: '$context.wafResponseCode',
  }),
);
