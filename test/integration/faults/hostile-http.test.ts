import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway } from '../../../infra/local/gateway/server.ts';
import { type LocalFunction, localApi, localFunction } from '../../support/local-functions.ts';

const echo = 'export const handler = async (event) => ({ statusCode: 200, body: JSON.stringify(event) });';

let lambda: LocalFunction;
let server: Server;
let port: number;

beforeAll(async () => {
  lambda = localFunction(echo);
  server = createGateway({
    api: localApi([{ path: '/v1/{proxy+}', method: 'ANY' }]),
    runner: () => lambda.runner,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await lambda.close();
});

/** What comes back on a connection of its own, for bytes that no HTTP client would send. */
async function send(...parts: (string | Buffer)[]): Promise<{ status: number; text: string }> {
  const socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (data: Buffer) => received.push(data));
  // A reset after the answer is no answer lost.
  socket.on('error', () => {});
  for (const part of parts) socket.write(part);
  await new Promise((resolve) => socket.once('close', resolve));
  const text = Buffer.concat(received).toString();
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text };
}

const head = (start: string, ...headers: string[]): string =>
  `${[`${start} HTTP/1.1`, 'Host: api', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n`;

describe('the gateway answers', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'a header and a member of the query called %s, which objects have already',
    async (name) => {
      const { status, text } = await send(head(`GET /v1/x?${name}=1`, `${name}: a`, `${name}: b`));
      expect(status).toBe(200);
      const event = text.slice(text.indexOf('\r\n\r\n') + 4);
      expect(event).toContain(`"${name}":["a","b"]`);
      expect(event).toContain(`"${name}":["1"]`);
    },
  );

  it.each(['TRACE', 'PROPFIND', 'PURGE'])('%s, which no integration is given', async (method) => {
    expect((await send(head(`${method} /v1/x`))).status).toBe(403);
  });

  it('headers as large as API Gateway takes them, and refuses larger ones with a word', async () => {
    const line = 'GET /v1/x HTTP/1.1'.length + 'api'.length + 'close'.length;
    const room = 10_240 - line;
    expect((await send(head('GET /v1/x', `a: ${'x'.repeat(room)}`))).status).toBe(200);
    for (const headers of [[`a: ${'x'.repeat(room + 1)}`], Array.from({ length: 100 }, () => `a: ${'x'.repeat(103)}`)])
      expect(await send(head('GET /v1/x', ...headers))).toMatchObject({
        status: 431,
        text: expect.stringContaining('Request Header Fields Too Large'),
      });
    expect((await send(head(`GET /v1/x?${'q'.repeat(room)}`))).status).toBe(431);
  });

  it('a body that is announced as too large, to a client that sends it before it listens', async () => {
    const bytes = 12_000_000;
    const { status } = await send(head('POST /v1/x', `Content-Length: ${bytes}`), Buffer.alloc(bytes, 'a'));
    expect(status).toBe(413);
  });
});
