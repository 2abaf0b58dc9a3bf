import { setTimeout as sleep } from 'node:timers/promises';
import { leaks, modelKeyCanary } from './canaries.ts';

// biome-ignore lint/suspicious/noExplicitAny: whatever a server answers; the tests say what it must be
export type Json = any;

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where the answer is JSON or problem+json, else undefined. */
  readonly body: Json;
  readonly text: string;
}

export interface RequestOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The HTTP API as one caller sees it: no status is an exception. */
export class ApiClient {
  readonly url: string;
  readonly key: string | null;

  constructor(url: string, key: string | null) {
    this.url = url;
    this.key = key;
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { body, raw } = options;
    const sent = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        ...(this.key === null ? {} : { authorization: `Bearer ${this.key}` }),
        ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(sent === undefined ? {} : { body: sent as string }),
    });
    const text = await response.text();
    // A secret is shown by the answer that makes it, and by no other.
    const found = leaks(
      [text],
      this.key === null || response.status === 201 ? [modelKeyCanary] : [modelKeyCanary, this.key],
    );
    if (response.status !== 201 && found.length > 0)
      throw new Error(`${method} ${path} shows a secret: ${found.join()}`);
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : undefined, text };
  }

  get(path: string, headers?: Record<string, string>): Promise<Answer> {
    return this.request('GET', path, headers ? { headers } : {});
  }

  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> {
    return this.request('POST', path, { body, ...(headers ? { headers } : {}) });
  }

  patch(path: string, body: unknown): Promise<Answer> {
    return this.request('PATCH', path, { body });
  }

  delete(path: string): Promise<Answer> {
    return this.request('DELETE', path);
  }

  /** The parsed body of an answer that must have this status. @throws Error showing what came instead */
  async expect(status: number, method: string, path: string, body?: unknown): Promise<Json> {
    const answer = await this.request(method, path, { body });
    if (answer.status !== status) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }
}

/** Asks until `ready` says yes. @throws Error with the last value when `milliseconds` are over */
export async function eventually<T>(
  ask: () => Promise<T>,
  ready: (value: T) => boolean,
  milliseconds = 15_000,
): Promise<T> {
  const until = performance.now() + milliseconds;
  for (;;) {
    const value = await ask();
    if (ready(value)) return value;
    if (performance.now() > until)
      throw new Error(`Not within ${milliseconds} ms; last: ${JSON.stringify(value)?.slice(0, 800)}`);
    await sleep(40);
  }
}

const ended = new Set(['succeeded', 'failed', 'cancelled']);

/** A job when it has ended, however it did. */
export function endOfJob(api: ApiClient, jobId: string, milliseconds?: number): Promise<Json> {
  return eventually(() => api.expect(200, 'GET', `/v1/jobs/${jobId}`), hasEnded, milliseconds);
}

export const hasEnded = (job: Json): boolean => ended.has(job.status);

/** Posts a document and waits for the end of its job. @returns the document then */
export async function ingest(api: ApiClient, body: object): Promise<Json> {
  const { document, job } = await api.expect(202, 'POST', '/v1/documents', body);
  const end = await endOfJob(api, job.id);
  if (end.status !== 'succeeded') throw new Error(`ingestion ${end.status}: ${JSON.stringify(end.error)}`);
  return api.expect(200, 'GET', `/v1/documents/${document.id}`);
}
