import { setTimeout as sleep } from 'node:timers/promises';
import type { FirstWorkspace } from './local-file.ts';

/** The public API refused something that a start needs. */
class ApiError extends Error {
  override readonly name = 'ApiError';
}

/** Calls the HTTP API with a bearer key and gives the decoded answer. Throws `ApiError` for every status that is no success. */
export async function callApi<T>(
  url: string,
  key: string,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new ApiError(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

const longestUnavailableMilliseconds = 60_000;
const pauseMilliseconds = 500;

/** Where the last start was killed under load, every function begins at once with what was left: the first requests may be too many. */
async function onceAvailable(url: URL, init: RequestInit): Promise<Response> {
  const until = performance.now() + longestUnavailableMilliseconds;
  for (;;) {
    const response = await fetch(url, init);
    if (response.status !== 503 || performance.now() >= until) return response;
    await response.arrayBuffer();
    await sleep(pauseMilliseconds);
  }
}

/** The workspace of the last start if its key is still good (the database may be another one), or a new one. */
export async function firstWorkspace(
  url: string,
  operatorKey: string,
  known: FirstWorkspace | undefined,
): Promise<FirstWorkspace> {
  if (known && (await isGood(url, known))) {
    const { workspace_id, api_key, collection_id } = known;
    return { workspace_id, api_key, collection_id };
  }
  const workspace = await callApi<{ id: string; api_key: { secret: string } }>(
    url,
    operatorKey,
    'POST',
    '/v1/workspaces',
    { name: 'local' },
  );
  const key = workspace.api_key.secret;
  const collection = await callApi<{ id: string }>(url, key, 'POST', '/v1/collections', { name: 'documents' });
  return { workspace_id: workspace.id, api_key: key, collection_id: collection.id };
}

async function isGood(url: string, { api_key, collection_id }: FirstWorkspace): Promise<boolean> {
  const response = await onceAvailable(new URL(`/v1/collections/${collection_id}`, url), {
    headers: { Authorization: `Bearer ${api_key}` },
  });
  await response.arrayBuffer();
  if (response.ok) return true;
  if (response.status === 401 || response.status === 404) return false;
  throw new ApiError(`GET /v1/collections/${collection_id}: ${response.status}`);
}
