import type { ServerResponse } from 'node:http';
import { sendJson, sendText } from '../../../infra/local/models/wire/http.ts';
import { OpenAiError } from '../../../infra/local/models/wire/openai-error.ts';
import { type Fault, type FaultOptions, REQUEST_FAULTS } from './faults.ts';
import { pause } from './latency.ts';

const REQUEST_KINDS: ReadonlySet<string> = new Set(REQUEST_FAULTS);

/** Carries out a fault that replaces the work; true when the request is answered (or never will be). */
export async function answerInstead(fault: Fault, response: ServerResponse, signal: AbortSignal): Promise<boolean> {
  if (!REQUEST_KINDS.has(fault.kind)) return false;
  switch (fault.kind) {
    case 'slow':
      await pause(Number(fault.options.ms ?? 2_000), signal);
      return false;
    case 'hang':
      await pause(Number(fault.options.ms ?? 2 ** 31 - 1), signal);
      response.socket?.resetAndDestroy();
      return true;
    case 'reset':
      response.writeHead(200, { 'content-type': 'application/json' });
      response.flushHeaders();
      // The headers must be on the wire before the reset overtakes them.
      await pause(20, signal);
      response.socket?.resetAndDestroy();
      return true;
    default:
      sendFailure(fault, response);
      return true;
  }
}

function sendFailure({ kind, options }: Fault, response: ServerResponse): void {
  if (kind === '429') {
    const error = new OpenAiError(429, 'Rate limit reached for requests.', {
      type: 'requests',
      code: 'rate_limit_exceeded',
    });
    sendJson(response, 429, error.body(), retryHeaders(options));
  } else if (kind === '520' || kind === '502') {
    const page = `<html><head><title>${kind}</title></head><body><center><h1>${kind} Error</h1></center></body></html>`;
    sendText(response, Number(kind), page, { 'content-type': 'text/html; charset=utf-8' });
  } else {
    const error =
      KNOWN_ERRORS[kind] ?? new OpenAiError(Number(kind), 'The server had an error.', { type: 'server_error' });
    sendJson(response, error.status, error.body());
  }
}

const KNOWN_ERRORS: Readonly<Record<string, OpenAiError>> = {
  'insufficient-quota': new OpenAiError(
    429,
    'You exceeded your current quota, please check your plan and billing details.',
    {
      type: 'insufficient_quota',
      code: 'insufficient_quota',
    },
  ),
  'context-length': new OpenAiError(400, "This model's maximum context length is 8192 tokens.", {
    param: 'input',
    code: 'context_length_exceeded',
  }),
  '401': new OpenAiError(401, 'Incorrect API key provided.', { code: 'invalid_api_key' }),
  '403': new OpenAiError(403, 'Country, region, or territory not supported.', {
    type: 'request_forbidden',
    code: 'unsupported_country_region_territory',
  }),
  '404-model': new OpenAiError(404, 'The model does not exist or you do not have access to it.', {
    code: 'model_not_found',
  }),
};

function retryHeaders(options: FaultOptions): Record<string, string> {
  if (options['retry-after-ms'] !== undefined) return { 'retry-after-ms': options['retry-after-ms'] };
  const after = options['retry-after'] ?? '1';
  if (after === 'none') return {};
  if (after === 'date') return { 'retry-after': new Date(Date.now() + 2_000).toUTCString() };
  return { 'retry-after': after };
}

/** Sends a finished body the way the fault says; the work is done and bought. */
export async function sendBody(
  body: string,
  fault: Fault | undefined,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const half = body.slice(0, body.length >> 1);
  switch (fault?.kind) {
    case 'reset-after-processing':
      response.socket?.resetAndDestroy();
      return;
    case 'hang-body':
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
      response.write(half);
      await pause(Number(fault.options.ms ?? 2 ** 31 - 1), signal);
      response.socket?.resetAndDestroy();
      return;
    case 'truncated-json':
      sendText(response, 200, half, { 'content-type': 'application/json' });
      return;
    case 'wrong-content-type':
      sendText(response, 200, body, { 'content-type': 'text/html' });
      return;
    default:
      sendText(response, 200, body, { 'content-type': 'application/json' });
  }
}
