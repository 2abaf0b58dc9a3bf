import type OpenAI from 'openai';
import { type IndexedVector, orderVectors } from '../../models/check-response.ts';
import {
  type Embedder,
  type EmbedderLimits,
  type Embeddings,
  type EmbedOptions,
  openaiEmbeddingLimits,
} from '../../models/embedder.ts';
import { ModelError } from '../../models/model-error.ts';
import { defaultTimeoutMilliseconds, lazyOpenAiClient, type OpenAiSettings } from './openai-client.ts';
import { translateError } from './translate-error.ts';

export interface OpenAiEmbedderSettings extends OpenAiSettings {
  readonly model: string;
  readonly dimensions: number;
  readonly limits?: EmbedderLimits;
}

/** Models whose vectors the provider can shorten; others reject the parameter `dimensions`. */
const shortens = /^text-embedding-3-/;
const bytesPerNumber = 4;
/** A provider that was given less is not to blame for its silence. */
const leastPatienceMilliseconds = 2_500;

/** The embedder port on OpenAI's embeddings API, or one that is compatible. One call is one request; it never retries. */
export class OpenAiEmbedder implements Embedder {
  readonly model: string;
  readonly dimensions: number;
  readonly limits: EmbedderLimits;
  private readonly client: () => Promise<OpenAI>;
  private readonly timeout: number;

  constructor(settings: OpenAiEmbedderSettings) {
    this.model = settings.model;
    this.dimensions = settings.dimensions;
    this.limits = settings.limits ?? openaiEmbeddingLimits;
    this.client = lazyOpenAiClient(settings);
    this.timeout = settings.timeoutMilliseconds ?? defaultTimeoutMilliseconds;
  }

  async embed(texts: readonly string[], { deadline, signal }: EmbedOptions): Promise<Embeddings> {
    if (texts.length === 0) return { vectors: [], tokens: 0 };
    const remaining = deadline - Date.now();
    if (remaining < 1)
      throw new ModelError('transient', 'There was no time left to ask the model.', {
        retryAfterSeconds: 1,
        isOurs: true,
      });
    // Takes whole milliseconds only; less than one would be none at all.
    const patience = Math.max(1, Math.floor(Math.min(this.timeout, remaining)));
    const timer = AbortSignal.timeout(patience);
    try {
      const answer = await this.request(texts, signal ? AbortSignal.any([timer, signal]) : timer);
      return { vectors: orderVectors(vectorsOf(answer), texts.length, this.dimensions), tokens: tokensOf(answer) };
    } catch (error) {
      if (timer.aborted)
        throw new ModelError('transient', 'The model provider did not answer in time.', {
          isOurs: patience < leastPatienceMilliseconds,
          cause: error,
        });
      throw translateError(error, Date.now());
    }
  }

  /** The raw answer: base64 is half of JSON's bytes, and decoding it ourselves a tenth of its time. */
  private async request(texts: readonly string[], signal: AbortSignal): Promise<unknown> {
    const client = await this.client();
    const dimensions = shortens.test(this.model) ? { dimensions: this.dimensions } : {};
    // The signal bounds the body too: the client's own timeout ends with the headers.
    const body = { model: this.model, input: texts as string[], encoding_format: 'base64' as const, ...dimensions };
    return client.post('/embeddings', { body, signal });
  }
}

interface Answer {
  readonly data?: readonly { readonly index?: unknown; readonly embedding?: unknown }[];
  readonly usage?: { readonly total_tokens?: unknown; readonly prompt_tokens?: unknown };
}

function vectorsOf(answer: unknown): IndexedVector[] {
  const data = (answer as Answer | null)?.data;
  if (!Array.isArray(data)) throw new ModelError('transient', 'The model answered no vectors.', { badResponse: true });
  return data.map(({ index, embedding }) => ({ index: Number(index), vector: decodeEmbedding(embedding) }));
}

/** Little-endian float32 in base64, or a list of numbers from servers that know no base64. */
export function decodeEmbedding(embedding: unknown): Float32Array {
  if (typeof embedding === 'string') {
    const bytes = Buffer.from(embedding, 'base64');
    if (bytes.byteLength % bytesPerNumber !== 0) return new Float32Array(0);
    // Small buffers lie anywhere in a shared pool: only a copy is aligned.
    return bytes.byteOffset % bytesPerNumber === 0 && bytes.buffer.byteLength === bytes.byteLength
      ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / bytesPerNumber)
      : new Float32Array(new Uint8Array(bytes).buffer);
  }
  return Array.isArray(embedding) ? Float32Array.from(embedding, Number) : new Float32Array(0);
}

function tokensOf(answer: unknown): number {
  const usage = (answer as Answer).usage;
  const tokens = Number(usage?.total_tokens ?? usage?.prompt_tokens ?? 0);
  return Number.isFinite(tokens) ? tokens : 0;
}
