import { type ILogGroup, QueryDefinition, QueryString } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

export interface LogQueriesProps {
  readonly stageName: string;
  /** Of all functions. */
  readonly logGroups: readonly ILogGroup[];
}

/** The log queries that an operator needs first, saved in CloudWatch Logs Insights. They cost nothing until somebody runs one. */
export const savedQueries: Readonly<Record<string, ConstructorParameters<typeof QueryString>[0]>> = {
  'The story of a request (put its id in)': {
    fields: ['@timestamp', 'service', 'level', 'message', '@message'],
    filterStatements: ['request_id = "REQUEST-ID"'],
    sort: '@timestamp asc',
    limit: 1_000,
  },
  'Errors by code': {
    filterStatements: ['message = "request refused or failed"'],
    statsStatements: ['count(*) as requests by coalesce(error.code, "internal") as code, service'],
    sort: 'requests desc',
  },
  'Unexpected errors by fingerprint': {
    filterStatements: ['ispresent(fingerprint)'],
    statsStatements: [
      'count(*) as errors, earliest(@timestamp) as first, latest(@timestamp) as last, latest(error.message) as example by fingerprint, service',
    ],
    sort: 'errors desc',
  },
  'Slow requests': {
    fields: ['@timestamp', 'method', 'path', 'status', 'milliseconds', 'request_id'],
    filterStatements: ['message = "request answered"', 'milliseconds > 1000'],
    sort: 'milliseconds desc',
    limit: 100,
  },
  'Latency by route': {
    filterStatements: ['message = "request answered"'],
    parseStatements: ['path "/v1/*" as rest', 'rest /^(?<resource>[a-z-]+)/'],
    statsStatements: [
      'count(*) as requests, pct(milliseconds, 50) as p50, pct(milliseconds, 95) as p95, pct(milliseconds, 99) as p99 by method, resource',
    ],
    sort: 'requests desc',
  },
  'Questions by route': {
    filterStatements: ['message = "query answered"'],
    statsStatements: [
      'count(*) as questions, sum(query.costUsd) as dollars, pct(query.totalMilliseconds, 95) as p95 by query.route',
    ],
    sort: 'questions desc',
  },
  'Cold starts': {
    filterStatements: ['type = "platform.report"', 'ispresent(record.metrics.initDurationMs)'],
    statsStatements: [
      'count(*) as starts, pct(record.metrics.initDurationMs, 50) as p50, max(record.metrics.initDurationMs) as longest by @log',
    ],
    sort: 'starts desc',
  },
  'Memory by function': {
    filterStatements: ['type = "platform.report"'],
    statsStatements: ['max(record.metrics.maxMemoryUsedMB) as used, max(record.metrics.memorySizeMB) as given by @log'],
    sort: 'used desc',
  },
};

/** Saves them, under the name of the stage. */
export class LogQueries extends Construct {
  constructor(scope: Construct, id: string, { stageName, logGroups }: LogQueriesProps) {
    super(scope, id);
    for (const [at, [name, query]] of Object.entries(savedQueries).entries())
      new QueryDefinition(this, `Query${at + 1}`, {
        queryDefinitionName: `dbrag-${stageName}/${name}`,
        queryString: new QueryString(query),
        logGroups: [...logGroups],
      });
  }
}
