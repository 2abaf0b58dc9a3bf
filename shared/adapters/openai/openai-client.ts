import type OpenAI from 'openai';

export interface OpenAiSettings {
  /** Asked before every request, so that a rotated key is taken up. */
  readonly apiKey: () => Promise<string>;
  /** An OpenAI-compatible server; undefined: OpenAI's own. */
  readonly baseUrl?: string | undefined;
  /** Longest time for one request, whatever the caller's deadline is. */
  readonly timeoutMilliseconds?: number;
}

/** A provider that has not answered a full request after this long will not. */
export const defaultTimeoutMilliseconds = 30_000;

/**
 * The vendor's client, loaded on first use (40 ms). It never retries: its defaults wait ten minutes, retry an exhausted quota and
 * ignore a Retry-After over a minute; the budget is ours.
 */
export function lazyOpenAiClient(settings: OpenAiSettings): () => Promise<OpenAI> {
  let client: Promise<OpenAI> | undefined;
  return () => {
    client ??= import('openai').then(
      ({ default: Client }) =>
        new Client({
          apiKey: settings.apiKey,
          // Null, not undefined: the client would look into the environment.
          organization: null,
          project: null,
          baseURL: settings.baseUrl ?? 'https://api.openai.com/v1',
          maxRetries: 0,
          timeout: settings.timeoutMilliseconds ?? defaultTimeoutMilliseconds,
          logLevel: 'off',
        }),
    );
    // A failed load may succeed the next time.
    client.catch(() => {
      client = undefined;
    });
    return client;
  };
}
