import type { JsonObject } from './http.ts';
import { invalidParameter } from './openai-error.ts';
import { BYTES_PER_TOKEN, countTokens } from './token-count.ts';

const MAX_INPUTS = 2_048;
export const MAX_INPUT_TOKENS = 8_192;
export const MAX_REQUEST_TOKENS = 300_000;
export const DEFAULT_DIMENSIONS = 1_536;
const MAX_DIMENSIONS = 3_072;

export interface EmbeddingsRequest {
  readonly model: string;
  readonly inputs: readonly string[];
  readonly dimensions: number;
  readonly encoding: 'float' | 'base64';
}

/** Validates the shape of a request as OpenAI does; throws its 400. Token limits are checked apart from this. */
export function parseEmbeddingsRequest(body: JsonObject): EmbeddingsRequest {
  const { model, dimensions = DEFAULT_DIMENSIONS, encoding_format: encoding = 'float' } = body;
  if (typeof model !== 'string' || model === '') throw invalidParameter('model', 'you must provide a model parameter');
  if (!Number.isInteger(dimensions) || (dimensions as number) < 1 || (dimensions as number) > MAX_DIMENSIONS) {
    throw invalidParameter(
      'dimensions',
      `Invalid value for 'dimensions': an integer from 1 to ${MAX_DIMENSIONS} is expected.`,
    );
  }
  if (encoding !== 'float' && encoding !== 'base64') {
    throw invalidParameter('encoding_format', "Invalid value for 'encoding_format': 'float' or 'base64' is expected.");
  }
  return { model, inputs: parseInput(body.input), dimensions: dimensions as number, encoding };
}

function parseInput(input: unknown): string[] {
  const inputs = typeof input === 'string' ? [input] : input;
  if (!Array.isArray(inputs)) throw invalidParameter('input', "'input' must be a string or an array of strings.");
  if (inputs.length === 0) throw invalidParameter('input', "'input' cannot be an empty array.");
  if (inputs.length > MAX_INPUTS) {
    throw invalidParameter('input', `'input' cannot hold more than ${MAX_INPUTS} items; yours holds ${inputs.length}.`);
  }
  for (const [position, text] of inputs.entries()) {
    if (typeof text === 'number' || Array.isArray(text)) {
      throw invalidParameter('input', "Arrays of tokens are not supported by this server: send 'input' as text.");
    }
    if (typeof text !== 'string') throw invalidParameter('input', `'input[${position}]' must be a string.`);
    if (text === '') throw invalidParameter('input', `'input[${position}]' cannot be an empty string.`);
  }
  return inputs;
}

export function tooManyInputTokens(position: number, tokens: number): Error {
  return invalidParameter(
    'input',
    `Invalid 'input[${position}]': maximum context length is ${MAX_INPUT_TOKENS} tokens, however you requested ${tokens} tokens.`,
    'context_length_exceeded',
  );
}

export function tooManyRequestTokens(tokens: number): Error {
  return invalidParameter(
    'input',
    `Requested ${tokens} tokens, max ${MAX_REQUEST_TOKENS} tokens per request`,
    'max_tokens_per_request',
  );
}

/**
 * Enforces 8,192 tokens an input and 300,000 a request, and answers the tokens for `usage`.
 * A token has at least one byte, so only inputs above 8,192 bytes are counted exactly; the request's sum, and usage, go by
 * bytes / 4, which is what OpenAI's own gate does.
 */
export function checkTokenLimits(inputs: readonly string[]): number {
  let requestBytes = 0;
  for (const [position, text] of inputs.entries()) {
    const bytes = Buffer.byteLength(text);
    requestBytes += bytes;
    if (bytes <= MAX_INPUT_TOKENS) continue;
    const tokens = countTokens(text);
    if (tokens > MAX_INPUT_TOKENS) throw tooManyInputTokens(position, tokens);
  }
  const tokens = Math.ceil(requestBytes / BYTES_PER_TOKEN);
  if (tokens > MAX_REQUEST_TOKENS) throw tooManyRequestTokens(tokens);
  return tokens;
}
