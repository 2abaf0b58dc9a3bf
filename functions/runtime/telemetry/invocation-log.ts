import { Logger } from '@aws-lambda-powertools/logger';
import type { Context } from 'aws-lambda';
import { parseTrace } from '../../../shared/core/trace-context.ts';

/** Fields of every log line of an invocation. */
export interface InvocationFields {
  readonly function_name: string;
  readonly function_request_id: string;
  readonly request_id: string;
  /** The trace of the request that caused the work; the invocation has its own. */
  readonly cause_trace_id?: string;
}

/** The logger of an execution environment. Its lines carry the fields of the current invocation. */
export class InvocationLog {
  /** Created when something is logged: most functions answer their first request without it. */
  #logger: Logger | undefined;
  #current: InvocationFields | undefined;
  /** The fields that the logger has now. */
  #appended: InvocationFields | undefined;

  /** @param cause the trace header of the message that is worked on, if it carries one */
  begin(
    { functionName, awsRequestId }: Pick<Context, 'awsRequestId' | 'functionName'>,
    requestId = awsRequestId,
    cause?: string,
  ): void {
    const traceId = parseTrace(cause)?.traceId;
    this.#current = {
      function_name: functionName,
      function_request_id: awsRequestId,
      request_id: requestId,
      ...(traceId === undefined ? {} : { cause_trace_id: traceId }),
    };
  }

  /** Undefined before the first invocation. */
  get fields(): InvocationFields | undefined {
    return this.#current;
  }

  /**
   * The fields are appended only when something is logged: doing it for each request takes longer than writing the request's own line,
   * which is formatted by hand.
   */
  logger(): Logger {
    this.#logger ??= new Logger();
    if (this.#current !== this.#appended) {
      this.#logger.resetKeys();
      this.#logger.appendKeys({ ...this.#current });
      this.#appended = this.#current;
    }
    return this.#logger;
  }
}
