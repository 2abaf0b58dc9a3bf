import type { LambdaClient } from '@aws-sdk/client-lambda';
import { DbragError } from '../../core/errors.ts';
import type { QueryDatabase } from '../../databases/ask-database.ts';
import type { QueryDatabaseReply, QueryDatabaseRequest } from '../../databases/query-database.message.ts';

/** The function reports by itself that its time is over; after this grace period, the answer is lost. */
const graceMilliseconds = 1_000;

/** Asks the function that reaches customers' databases, and waits for its answer. The client is made at the first call. */
export function createLambdaQueryDatabase(functionName: string | undefined): QueryDatabase {
  let client: Promise<LambdaClient> | undefined;
  const connect = () => {
    // No second attempt by the client: what was asked may be a statement that runs on.
    client ??= import('@aws-sdk/client-lambda').then(({ LambdaClient: Client }) => new Client({ maxAttempts: 1 }));
    return client;
  };
  return {
    async ask(request) {
      if (functionName === undefined)
        throw new Error('This function has not been given the one that queries databases.');
      const milliseconds = request.deadline + graceMilliseconds - Date.now();
      if (milliseconds <= 0) throw outOfTime();
      // Takes whole milliseconds only, and a deadline may be a share of what an invocation has left.
      return invoke(await connect(), functionName, request, AbortSignal.timeout(Math.ceil(milliseconds)));
    },
  };
}

async function invoke(
  client: LambdaClient,
  functionName: string,
  request: QueryDatabaseRequest,
  signal: AbortSignal,
): Promise<QueryDatabaseReply> {
  const { InvokeCommand } = await import('@aws-sdk/client-lambda');
  const command = new InvokeCommand({ FunctionName: functionName, Payload: Buffer.from(JSON.stringify(request)) });
  const answer = await client.send(command, { abortSignal: signal }).catch((error: unknown) => {
    throw translate(error, signal);
  });
  const payload = JSON.parse(Buffer.from(answer.Payload ?? []).toString()) as QueryDatabaseReply & FunctionFailure;
  if (answer.FunctionError !== undefined) throw failureOf(payload);
  return payload;
}

interface FunctionFailure {
  readonly errorType?: string;
  readonly errorMessage?: string;
}

/** A function that was ended by its own limit looks like one that failed. */
function failureOf({ errorType = '', errorMessage = '' }: FunctionFailure): Error {
  if (/timed out/i.test(errorMessage)) return outOfTime();
  if (/ResponseSizeTooLarge/.test(errorType))
    return new DbragError('payload_too_large', 'The database answered with more than fits.');
  return new Error(`The function that queries databases failed: ${errorType}`);
}

function translate(error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return outOfTime(error);
  if (error instanceof Error && /^(TooManyRequests|Throttling|ServiceException|EC2Throttled|ENILimit)/.test(error.name))
    return new DbragError('overloaded', 'Too many databases are being queried at this moment.', {
      retryable: true,
      retryAfterSeconds: 1,
      cause: error,
    });
  return error;
}

const outOfTime = (cause?: unknown): DbragError =>
  new DbragError('timeout', 'The database did not answer in time.', { retryable: true, cause });
