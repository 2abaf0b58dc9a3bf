import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { currentTrace, readTelemetryConfig, type TelemetryConfig } from '../../shared/core/config.ts';
import { type Failure, failureOf } from '../../shared/core/error-fingerprint.ts';
import { parseTrace } from '../../shared/core/trace-context.ts';
import { DimensionedMetrics } from './dimensioned-metrics.ts';
import { EmbeddedMetrics } from './embedded-metrics.ts';
import { LineWriter } from './line-writer.ts';
import { loggableError } from './loggable-error.ts';
import { createMeasures, type Measures } from './measures.ts';
import type { Metrics } from './metrics.ts';
import { createTraceSegments } from './trace-segments.ts';

/**
 * Logs and metrics of one execution environment. Everything that is counted has one method here, so that a metric's name, unit and
 * log line are said once. A workspace is a field of the log and metadata of the metric, never a dimension: each value of a
 * dimension is a metric that is paid for.
 */
export interface Telemetry extends Measures {
  /** @param cause the trace header of the message that is worked on, if it carries one */
  begin(context: Pick<Context, 'awsRequestId' | 'functionName'>, requestId?: string, cause?: string): void;
  /** Of the current invocation. */
  requestId(): string | undefined;
  /** Writes the metrics of this invocation to standard output, from where CloudWatch reads them. */
  flush(): void;

  requestAnswered(route: { method: string; path: string; status: number; milliseconds: number }): void;
  requestFailed(error: unknown, route: { method: string; path: string }): void;
  documentAccepted(event: { workspaceId: string; documentId: string; version: number; bytes: number | null }): void;
  documentIngested(event: {
    workspaceId: string;
    documentId: string;
    version: number;
    outcome: string;
    milliseconds: number;
  }): void;
  chunksEmbedded(event: {
    embedded: number;
    ready: number;
    refused: number;
    postponed: number;
    milliseconds: number;
  }): void;
  embeddingWaits(event: { reason: string; chunks: number; seconds: number | null }): void;
  /** A call failed, and the model is not called for a while: `account` needs an operator. */
  modelLeftAlone(event: { model: string; fault: 'account' | 'outage' | 'rate'; reason: string }): void;
  searchAnswered(event: {
    mode: string;
    resultCache: 'hit' | 'miss' | 'off';
    embedMilliseconds: number;
    searchMilliseconds: number;
  }): void;
  /** A copy of the database was asked before it: `behind` and `failed` sent the search on to the database. */
  readerAsked(outcome: 'answered' | 'behind' | 'failed', error?: unknown): void;
  queryAnswered(event: {
    route: string;
    costUsd: number;
    answered: boolean;
    resultCache: 'hit' | 'miss' | 'off';
    removedMarks: number;
    unverifiedNumbers: number;
    sqlGenerateMilliseconds: number;
    sqlExecuteMilliseconds: number;
    retrieveMilliseconds: number;
    firstTokenMilliseconds: number | null;
    totalMilliseconds: number;
    error: string | null;
  }): void;
  /** A statement that the firewall did not let through, the model's or a caller's. */
  statementRefused(): void;
  uploadRejected(event: { key: string; reason: string }): void;
  nudgeFailed(event: { queue: string; count: number; error: unknown }): void;
  retriesExhausted(event: { queue: string; body: string }): void;
  /** Messages that are repeated later because a dependency was down, not because of themselves. */
  outlasted(event: { queue: string; messages: number; reason: string }): void;
  sweepFinished(event: { nudged: number; failed: number; unfinished: number }): void;
  /** An action of the index autopilot. */
  indexTended(event: { partition: string; action: string; why: string }): void;
  cacheFailed(error: unknown): void;
  /** Four fifths of a quota are used, or more: time for an operator to talk to somebody. */
  quotaNear(event: { workspaceId: string; resource: string; used: number; limit: number }): void;
  /** Reads that the audit trail will not contain. */
  auditEventsLost(events: number): void;
  /** An audit event was written without its origin. */
  originUnsealed(error: unknown): void;
  trailSealed(event: { seals: number }): void;
  /** The trail was walked, and something in it does not agree. */
  trailBroken(event: { faults: readonly object[] }): void;
  /** The nightly look found what must never be: documents are not what was promised. */
  integrityViolated(event: { workspaceId: string; violations: readonly object[] }): void;
  recordFailed(error: unknown, event: { source: string; messageId: string }): void;
  /** Unexpected errors since the last call. */
  takeFailures(): readonly Failure[];
  /** One that was never seen before, or not for long. */
  errorIsNew(failure: Failure): void;
  /** Errors could not be noted: whether they are new is not known. */
  notNoted(error: unknown): void;
  /** A promise was rejected that nobody awaited. */
  rejectionStrayed(error: unknown): void;
}

/** The most that are kept where nobody collects them, as in functions without a database. */
const mostFailures = 100;

const metricOfFault = { account: 'ModelRefused', outage: 'ModelOutage', rate: 'ModelRateLimited' } as const;

/** Whom a line is about: written into every line of an invocation. */
interface Invocation {
  readonly function_name: string;
  readonly function_request_id: string;
  readonly request_id: string;
  /** The trace of the request that caused the work; the invocation has its own. */
  readonly cause_trace_id?: string;
}

/**
 * Passes the invocation to the logger only when something is logged: doing it for each request takes longer than the request's own line,
 * which is formatted by hand.
 */
function loggerOf(invocation: () => Invocation | undefined) {
  const logger = new Logger();
  let told: Invocation | undefined;
  return (): Logger => {
    const current = invocation();
    if (current !== told) {
      logger.resetKeys();
      logger.appendKeys({ ...current });
      told = current;
    }
    return logger;
  };
}

/** @param createMetrics by whom metrics are written: by hand where every request writes some */
export function createTelemetry(
  settings: TelemetryConfig = readTelemetryConfig(),
  createMetrics: (namespace: string, service: string, write: (line: string) => void) => Metrics = (
    namespace,
    service,
    write,
  ) => new EmbeddedMetrics(namespace, { name: 'service', value: service }, write),
): Telemetry {
  const lines = new LineWriter();
  const metrics = createMetrics(settings.metricsNamespace, settings.service, lines.write);
  const dimensioned = new DimensionedMetrics(settings.metricsNamespace, lines.write);
  const measures = createMeasures({ metrics, dimensioned, trace: createTraceSegments() });
  let current: Invocation | undefined;
  const logger = loggerOf(() => current);
  const failures: Failure[] = [];
  /** The loggable form of an error; an unexpected one is kept until it is collected. */
  const told = (error: unknown) => {
    const failure = failureOf(error);
    if (failure && failures.length < mostFailures) failures.push(failure);
    return { error: loggableError(error), ...(failure ? { fingerprint: failure.fingerprint } : {}) };
  };
  const count = (name: string, value = 1) => metrics.add(name, 'Count', value);
  const time = (name: string, milliseconds: number) => metrics.add(name, 'Milliseconds', milliseconds);
  return {
    ...measures,
    begin({ functionName, awsRequestId }, requestId = awsRequestId, cause) {
      const traceId = parseTrace(cause)?.traceId;
      current = {
        function_name: functionName,
        function_request_id: awsRequestId,
        request_id: requestId,
        ...(traceId === undefined ? {} : { cause_trace_id: traceId }),
      };
    },
    requestId: () => current?.request_id,
    flush() {
      lines.together(() => {
        metrics.publish();
        dimensioned.publish();
      });
    },
    requestAnswered({ method, path, status, milliseconds }) {
      count('RequestCount');
      if (status >= 500) count('RequestErrorCount');
      time('RequestDuration', milliseconds);
      if (!settings.writesInfo) return;
      const said = { level: 'INFO', message: 'request answered', timestamp: new Date().toISOString() };
      const request = { method, path, status, milliseconds: Math.round(milliseconds) };
      lines.write(
        JSON.stringify({
          ...said,
          service: settings.service,
          ...current,
          xray_trace_id: currentTrace()?.traceId,
          ...request,
        }),
      );
    },
    requestFailed(error, route) {
      logger().warn('request refused or failed', { ...told(error), route });
    },
    documentAccepted(event) {
      count('DocumentAccepted');
      logger().info('document accepted', { document: event });
    },
    documentIngested(event) {
      count(event.outcome === 'failed' ? 'DocumentFailed' : 'DocumentIngested');
      time('IngestDuration', event.milliseconds);
      logger().info('document ingested', { document: event });
    },
    chunksEmbedded(event) {
      count('ChunkEmbedded', event.embedded);
      count('DocumentReady', event.ready);
      count('ChunkRefused', event.refused);
      time('EmbedDuration', event.milliseconds);
      logger().info('chunks embedded', { embedding: event });
    },
    embeddingWaits(event) {
      count('EmbeddingWait');
      logger().warn('embedding waits for the provider', { wait: event });
    },
    modelLeftAlone(event) {
      count(metricOfFault[event.fault]);
      logger().warn('model left alone', { model: event });
    },
    searchAnswered(event) {
      time('SearchDuration', event.searchMilliseconds);
      const hit = event.resultCache === 'hit';
      if (event.resultCache !== 'off') measures.cacheAsked('search', { hits: hit ? 1 : 0, misses: hit ? 0 : 1 });
      if (settings.writesDebug) logger().debug('search answered', { search: event });
    },
    readerAsked(outcome, error) {
      dimensioned.add({ name: 'outcome', value: outcome }, 'ReaderSearch', 'Count', 1);
      if (outcome === 'failed') logger().warn('reader failed; searching the database', { error: loggableError(error) });
    },
    queryAnswered(event) {
      count(event.answered ? 'QueryAnswered' : event.error === null ? 'QueryUnanswered' : 'QueryFailed');
      const hit = event.resultCache === 'hit';
      if (hit) count('QueryKnown');
      if (event.resultCache !== 'off') measures.cacheAsked('answer', { hits: hit ? 1 : 0, misses: hit ? 0 : 1 });
      measures.questionAnswered(event.route, event.costUsd);
      count('CitationRemoved', event.removedMarks);
      count('NumberUnverified', event.unverifiedNumbers);
      time('QueryDuration', event.totalMilliseconds);
      if (event.firstTokenMilliseconds !== null) time('FirstTokenDuration', event.firstTokenMilliseconds);
      logger().info('query answered', { query: event });
    },
    statementRefused() {
      count('StatementRefused');
    },
    uploadRejected(event) {
      count('UploadRejected');
      logger().warn('upload rejected', { upload: event });
    },
    nudgeFailed({ queue, count: messages, error }) {
      count('NudgeFailed', messages);
      logger().warn('nudge not sent; the sweeper will', { error: loggableError(error), queue, messages });
    },
    retriesExhausted({ queue, body }) {
      count('RetriesExhausted');
      logger().error('message given up', { queue, body });
    },
    outlasted(event) {
      count('OutageOutlasted', event.messages);
      logger().warn('messages come again after an outage', { outage: event });
    },
    sweepFinished(event) {
      count('SweepNudge', event.nudged);
      logger().info('sweep finished', { sweep: event });
    },
    indexTended(event) {
      logger().info('index tended', { index: event });
    },
    quotaNear(event) {
      count('QuotaNear');
      logger().warn('quota nearly used up', { quota: event });
    },
    auditEventsLost(events) {
      count('AuditEventLost', events);
      logger().error('events of the audit trail lost', { events });
    },
    originUnsealed(error) {
      count('OriginUnsealed');
      logger().error('origin not sealed', { error: loggableError(error) });
    },
    trailSealed(event) {
      logger().info('trail sealed', { trail: event });
    },
    trailBroken({ faults }) {
      count('TrailBroken', faults.length);
      logger().error('the audit trail does not agree', { faults: faults.slice(0, 20) });
    },
    integrityViolated({ workspaceId, violations }) {
      count('IntegrityViolations', violations.length);
      logger().error('documents are not what was promised', {
        workspace_id: workspaceId,
        violations: violations.slice(0, 20),
      });
    },
    cacheFailed(error) {
      count('CacheFailure');
      logger().warn('cache failed; going on without', loggableError(error));
    },
    recordFailed(error, event) {
      logger().error('record failed; it comes again', { ...told(error), record: event });
    },
    takeFailures: () => failures.splice(0),
    errorIsNew(failure) {
      dimensioned.add({ name: 'scope', value: 'deployment' }, 'ErrorNew', 'Count', 1);
      logger().error('an error that was not seen before', { failure });
    },
    notNoted(error) {
      logger().warn('errors not noted', { error: loggableError(error) });
    },
    rejectionStrayed(error) {
      dimensioned.add({ name: 'scope', value: 'deployment' }, 'StrayRejection', 'Count', 1);
      logger().error('something failed that nobody waited for; going on', told(error));
    },
  };
}
