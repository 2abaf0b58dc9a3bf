import type { IFunction, Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Duration } from 'aws-cdk-lib/core';
import type { StageSettings } from '../stage-settings.ts';
import { type Functions, timeoutFor } from './functions.ts';
import type { ConsumerTimeouts } from './queues.ts';

/** Under API Gateway's 29 seconds, so that the function's own 504 comes first. */
const bufferedSeconds = 28;
/** Lambda's and API Gateway's ceiling. */
const longestSeconds = 900;
/** A statement may take 30 seconds; the rest is for connecting, and for the answer. */
const queryDatabaseSeconds = 60;
/** Not capped by a stage: a migration must be able to end. */
export const migrationTimeout = Duration.seconds(longestSeconds);

/** Time-outs of a stage; what consumes a queue also sets the queue's visibility. */
export function consumerTimeouts(stage: StageSettings): ConsumerTimeouts {
  return {
    registerUpload: timeoutFor(stage, 60),
    ingestDocument: timeoutFor(stage, 120),
    embedChunks: timeoutFor(stage, 120),
    describeTable: timeoutFor(stage, 120),
    maintain: timeoutFor(stage, longestSeconds),
    deadLetter: timeoutFor(stage, 60),
  };
}

/**
 * What passes through, as rows of an export do, makes V8 let its youngest generation grow, and the heap to more than 150 MB of which less than
 * half is in use; a small one is collected more often, which takes no longer (`npm run bench:export`).
 */
export const maintainNodeOptions = '--max-semi-space-size=4';

export interface ServiceFunctions {
  readonly httpApi: LambdaFunction;
  readonly httpStream: LambdaFunction;
  readonly registerUpload: LambdaFunction;
  readonly ingestDocument: LambdaFunction;
  readonly embedChunks: LambdaFunction;
  readonly describeTable: LambdaFunction;
  readonly maintain: LambdaFunction;
  readonly deadLetter: LambdaFunction;
  readonly queryDatabase: LambdaFunction;
  readonly migrateDatabase: LambdaFunction;
}

/** What callers and event sources invoke in place of each function. */
export type ReleasedFunctions = Readonly<Record<Exclude<keyof ServiceFunctions, 'migrateDatabase'>, IFunction>>;

/** Every function of the service, without any right yet. Memory also buys processor time: 1,769 MB is one core. */
export function createServiceFunctions(functions: Functions, stage: StageSettings): ServiceFunctions {
  const timeouts = consumerTimeouts(stage);
  const { reservedConcurrency } = stage.api;
  return {
    httpApi: functions.add('HttpApi', {
      entry: 'http/api',
      description: 'Answers the HTTP API in one piece',
      memoryMegabytes: 1_024,
      timeout: timeoutFor(stage, bufferedSeconds),
      reservedConcurrency: reservedConcurrency.buffered,
    }),
    httpStream: functions.add('HttpStream', {
      entry: 'http/stream',
      description: 'Answers the HTTP API in streams: questions and job events',
      memoryMegabytes: 1_024,
      timeout: timeoutFor(stage, longestSeconds),
      reservedConcurrency: reservedConcurrency.streaming,
    }),
    registerUpload: functions.add('RegisterUpload', {
      entry: 'queue/register-upload',
      description: 'Makes documents of uploaded objects',
      memoryMegabytes: 512,
      timeout: timeouts.registerUpload,
    }),
    ingestDocument: functions.add('IngestDocument', {
      entry: 'queue/ingest-document',
      description: 'Parses and splits documents',
      // A file of 100 MB is held once as bytes and once as text.
      memoryMegabytes: 2_048,
      // Where most of what is made lives long, as chunks do until they are stored, V8 lets its youngest generation grow to 96 MB and more.
      nodeOptions: '--max-semi-space-size=16',
      timeout: timeouts.ingestDocument,
    }),
    embedChunks: functions.add('EmbedChunks', {
      entry: 'queue/embed-chunks',
      description: 'Buys the embeddings that are missing',
      memoryMegabytes: 1_024,
      timeout: timeouts.embedChunks,
    }),
    describeTable: functions.add('DescribeTable', {
      entry: 'queue/describe-table',
      description: "Describes tables of customers' databases",
      memoryMegabytes: 512,
      timeout: timeouts.describeTable,
    }),
    maintain: functions.add('Maintain', {
      entry: 'queue/maintain',
      description: 'Sweeps, erases, exports, builds indexes',
      memoryMegabytes: 1_024,
      nodeOptions: maintainNodeOptions,
      timeout: timeouts.maintain,
    }),
    deadLetter: functions.add('DeadLetter', {
      entry: 'queue/dead-letter',
      description: 'Writes on the row why its work was given up',
      memoryMegabytes: 512,
      timeout: timeouts.deadLetter,
    }),
    queryDatabase: functions.add('QueryDatabase', {
      entry: 'invoke/query-database',
      description: "Connects to customers' databases: the only one that does",
      memoryMegabytes: 1_024,
      timeout: timeoutFor(stage, queryDatabaseSeconds),
      secluded: true,
    }),
    migrateDatabase: functions.add('MigrateDatabase', {
      entry: 'deploy/migrate-database',
      description: 'Brings the schema up to date at deploy',
      memoryMegabytes: 512,
      timeout: migrationTimeout,
    }),
  };
}
