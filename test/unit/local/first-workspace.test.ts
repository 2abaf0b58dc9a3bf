import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { firstWorkspace } from '../../../infra/local/start/first-workspace.ts';

const known = { workspace_id: 'ws_1', api_key: 'key', collection_id: 'col_1' };
let close = (): void => {};
afterEach(() => close());

/** A service that answers the first requests with these, and all others with the last. */
async function serve(...statuses: readonly number[]): Promise<{ readonly url: string; asked(): number }> {
  let asked = 0;
  const server = createServer((_request, response) => {
    response.statusCode = statuses[Math.min(asked++, statuses.length - 1)] ?? 200;
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => void server.close();
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked };
}

it('a start waits while its own backlog keeps the database from answering', async () => {
  const service = await serve(503, 503, 200);
  expect(await firstWorkspace(service.url, 'operator', known)).toEqual(known);
  expect(service.asked()).toBe(3);
});

it('a start ends at once where the service is broken', async () => {
  const service = await serve(500);
  await expect(firstWorkspace(service.url, 'operator', known)).rejects.toThrow('500');
  expect(service.asked()).toBe(1);
});
