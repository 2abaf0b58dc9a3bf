import { setTimeout as sleep } from 'node:timers/promises';
import { callApi } from '../start/first-workspace.ts';
import type { LocalFile } from '../start/local-file.ts';
import { createShop } from './shop.ts';

interface Connection {
  readonly id: string;
  readonly name: string;
  readonly job: { readonly id: string };
}

interface Job {
  readonly status: string;
  readonly why: string;
}

export interface ShopTable {
  readonly table: string;
  readonly row_estimate: number | null;
  readonly description: string | null;
}

const name = 'Demo shop';
const pollMilliseconds = 150;

/** Makes the shop, connects it as anybody connects a database, and waits until its tables are described. */
export async function connectShop(
  local: LocalFile,
): Promise<{ readonly id: string; readonly tables: readonly ShopTable[] }> {
  const { api_url, api_key } = local;
  const login = await createShop(local.admin_database_url);
  const { data } = await callApi<{ data: readonly Connection[] }>(api_url, api_key, 'GET', '/v1/connections?limit=100');
  // The shop was made anew, and its reader has a new password.
  for (const one of data.filter((each) => each.name === name)) await removeConnection(local, one.id);
  const settings = { name, engine: 'postgres', ...login, ssl: false, schemas: ['shop'], send_rows_to_model: true };
  const connection = await callApi<Connection>(api_url, api_key, 'POST', '/v1/connections', settings);
  await endOf(local, connection.job.id);
  const tables = await callApi<{ data: readonly ShopTable[] }>(
    api_url,
    api_key,
    'GET',
    `/v1/connections/${connection.id}/tables`,
  );
  return { id: connection.id, tables: tables.data };
}

async function removeConnection({ api_url, api_key }: LocalFile, id: string): Promise<void> {
  const answer = await fetch(new URL(`/v1/connections/${id}`, api_url), {
    method: 'DELETE',
    headers: { authorization: `Bearer ${api_key}` },
  });
  if (!answer.ok) throw new Error(`The shop of an earlier demo could not be removed: ${answer.status}`);
}

async function endOf({ api_url, api_key }: LocalFile, jobId: string): Promise<void> {
  for (;;) {
    const { status, why } = await callApi<Job>(api_url, api_key, 'GET', `/v1/jobs/${jobId}`);
    if (status === 'succeeded') return;
    if (status !== 'queued' && status !== 'running') throw new Error(`The tables of the shop were not read: ${why}`);
    await sleep(pollMilliseconds);
  }
}
