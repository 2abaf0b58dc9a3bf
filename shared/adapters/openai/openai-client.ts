import type OpenAI from 'openai';

export interface OpenAiSettings {
  /** Asked before every request; `fresh` after the provider refused the key, which may have been rotated since it was kept. */
  readonly apiKey: (wish: { readonly fresh: boolean }) => Promise<string>;
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
          apiKey: () => settings.apiKey({ fresh: false }),
          fetch: fetchWithRotatedKey(settings.apiKey),
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

/** A request whose key is refused is sent once more with the key as it is now, if that is another. */
function fetchWithRotatedKey(apiKey: OpenAiSettings['apiKey']): typeof fetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.status !== 401) return response;
    const headers = new Headers(init?.headers);
    const refused = headers.get('authorization');
    // The refusal says more than that the key could not be asked for.
    const key = await apiKey({ fresh: true }).catch(() => undefined);
    if (key === undefined || refused === `Bearer ${key}`) return response;
    headers.set('authorization', `Bearer ${key}`);
    await response.body?.cancel();
    return fetch(url, { ...init, headers });
  };
}
