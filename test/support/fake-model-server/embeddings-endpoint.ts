import {
  MAX_INPUT_TOKENS,
  MAX_REQUEST_TOKENS,
  parseEmbeddingsRequest,
  tooManyInputTokens,
  tooManyRequestTokens,
} from '../../../infra/local/models/wire/embeddings-request.ts';
import {
  type EncodedEmbedding,
  embeddingsBody,
  encodeVector,
} from '../../../infra/local/models/wire/embeddings-response.ts';
import type { JsonObject } from '../../../infra/local/models/wire/http.ts';
import { BYTES_PER_TOKEN } from '../../../infra/local/models/wire/token-count.ts';
import type { Fault } from './faults.ts';
import type { FakeVectors } from './vectors.ts';

export interface EmbeddingsWork {
  readonly model: string;
  readonly inputs: readonly string[];
  /** The larger of the tokens counted and of bytes / 4. */
  readonly tokens: number;
  /** The body of the answer, with the fault worked into it. */
  body(fault: Fault | undefined): string;
}

/** Checks a request as OpenAI does (by its bytes and by its tokens) and prepares the work; throws its 400. */
export function prepareEmbeddings(
  json: JsonObject,
  vectors: FakeVectors,
  countTokens: (text: string) => number,
): EmbeddingsWork {
  const { model, inputs, dimensions, encoding } = parseEmbeddingsRequest(json);
  const tokens = checkLimits(inputs, countTokens);
  return {
    model,
    inputs,
    tokens,
    body(fault) {
      const form = fault?.kind === 'base64' ? 'base64' : encoding;
      const size = fault?.kind === 'wrong-dimension' ? dimensions - 1 : dimensions;
      const embeddings = inputs.map((text, index) => ({
        index,
        vector: encodeVector(vectors.vector(text, size), form),
      }));
      const spoilt = fault ? spoil(embeddings, fault, form, dimensions) : embeddings;
      const body = embeddingsBody(model, spoilt, tokens);
      return fault?.kind === 'usage-missing' ? body.replace(/,"usage":\{[^}]*\}\}$/, '}') : body;
    },
  };
}

function checkLimits(inputs: readonly string[], countTokens: (text: string) => number): number {
  let bytes = 0;
  let counted = 0;
  for (const [position, text] of inputs.entries()) {
    const textBytes = Buffer.byteLength(text);
    const textTokens = countTokens(text);
    // A token is a byte at least, so a short text is never too long whatever the count says.
    if (textTokens > MAX_INPUT_TOKENS && textBytes > MAX_INPUT_TOKENS) throw tooManyInputTokens(position, textTokens);
    bytes += textBytes;
    counted += textTokens;
  }
  const tokens = Math.max(counted, Math.ceil(bytes / BYTES_PER_TOKEN));
  if (tokens > MAX_REQUEST_TOKENS) throw tooManyRequestTokens(tokens);
  return tokens;
}

/**
 * A quick lower bound of cl100k tokens, about 2 µs for 1,600 characters: the pieces that its pre-tokenizer cuts a text
 * into (runs of ASCII letters, up to three digits, runs of signs), each of which is a token at least. A request that is
 * refused by this count would be refused by OpenAI; one just over a limit may pass. Pass an exact counter for tests of
 * the limits themselves.
 */
export function leastTokens(text: string): number {
  let tokens = 0;
  let previous = BLANK;
  let digits = 0;
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    const kind = code > 0x7f ? OTHER : (ASCII_KINDS[code] as number);
    digits = kind === DIGIT && previous !== OTHER ? digits + 1 : 0;
    if (kind === DIGIT ? digits % 3 === 1 : startsPiece(kind, previous)) tokens += 1;
    // What follows a character of unknown kind may belong to its piece, so it is not counted until a border is certain.
    previous = previous === OTHER && kind !== BLANK ? OTHER : kind;
  }
  return tokens;
}

const BLANK = 1;
const LETTER = 2;
const DIGIT = 3;
const SIGN = 4;
const OTHER = 5;

function startsPiece(kind: number, previous: number): boolean {
  if (kind === BLANK || kind === OTHER || previous === OTHER) return false;
  // A single sign joins the letters after it ("(word"): the two are counted once.
  return kind !== previous && !(kind === LETTER && previous === SIGN);
}

const ASCII_KINDS = Uint8Array.from({ length: 0x80 }, (_, code) => kindOf(code));

function kindOf(code: number): number {
  if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) return BLANK;
  if (code >= 0x30 && code <= 0x39) return DIGIT;
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) ? LETTER : SIGN;
}

function spoil(
  embeddings: EncodedEmbedding[],
  { kind }: Fault,
  form: 'float' | 'base64',
  dimensions: number,
): EncodedEmbedding[] {
  const [first, ...rest] = embeddings as [EncodedEmbedding, ...EncodedEmbedding[]];
  switch (kind) {
    case 'shuffled':
      return [...rest.reverse(), first];
    case 'missing-one':
      return rest;
    case 'extra-one':
      return [...embeddings, { index: embeddings.length, vector: first.vector }];
    case 'duplicate-index':
      return rest.length === 0
        ? [first, first]
        : [first, { ...(rest[0] as EncodedEmbedding), index: 0 }, ...rest.slice(1)];
    case 'nan':
      return [{ index: 0, vector: notNumbers(dimensions, form) }, ...rest];
    case 'null-vector':
      return [{ index: 0, vector: 'null' }, ...rest];
    case 'zero-vector':
      return [{ index: 0, vector: encodeVector(new Float32Array(dimensions), form) }, ...rest];
    default:
      return embeddings;
  }
}

/** JSON has no NaN: as floats these are nulls. */
function notNumbers(dimensions: number, form: 'float' | 'base64'): string {
  if (form === 'float') return JSON.stringify(new Array(dimensions).fill(null));
  return encodeVector(new Float32Array(dimensions).fill(Number.NaN), form);
}
