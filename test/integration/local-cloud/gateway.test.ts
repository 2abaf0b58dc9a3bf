import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { RestApi } from '../../../infra/local/assembly/model.ts';
import { createGateway } from '../../../infra/local/gateway/server.ts';
import type { FunctionOptions, LocalFunction } from '../../support/local-functions.ts';
import { localApi, localFunction } from '../../support/local-functions.ts';

const open: { server: Server; lambda: LocalFunction }[] = [];

interface Started {
  readonly url: string;
  readonly port: number;
  readonly lambda: LocalFunction;
}

async function start(
  source: string,
  api: RestApi = localApi([{}]),
  options: FunctionOptions & { waitMilliseconds?: number } = {},
): Promise<Started> {
  const lambda = localFunction(source, options);
  const server = createGateway({
    api,
    runner: () => lambda.runner,
    ...(options.waitMilliseconds === undefined ? {} : { waitMilliseconds: options.waitMilliseconds }),
  });
  open.push({ server, lambda });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, lambda };
}

afterEach(async () => {
  for (const { server, lambda } of open.splice(0)) {
    server.closeAllConnections();
    server.close();
    await lambda.close();
  }
});

const echo = `export const handler = async (event) => ({ statusCode: 200, body: JSON.stringify(event) });`;

describe('the event of a proxy integration', () => {
  it('holds path, parameters, query, headers and body as a REST API sends them', async () => {
    const { url, port } = await start(echo, localApi([{ path: '/v1/documents/{id}', method: 'POST' }]));
    const answer = await fetch(`${url}/v1/documents/doc_%C3%A4?tag=a&tag=b%20c&limit=5`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'User-Agent': 'tester', 'X-Many': 'one' },
      body: '{"name":"ü"}',
    });
    const event = (await answer.json()) as Record<string, never>;
    expect(event).toMatchObject({
      resource: '/v1/documents/{id}',
      path: '/v1/documents/doc_%C3%A4',
      httpMethod: 'POST',
      pathParameters: { id: 'doc_ä' },
      queryStringParameters: { tag: 'b c', limit: '5' },
      multiValueQueryStringParameters: { tag: ['a', 'b c'], limit: ['5'] },
      stageVariables: null,
      body: '{"name":"ü"}',
      isBase64Encoded: false,
      requestContext: {
        accountId: '000000000000',
        apiId: 'abcdefghij',
        stage: 'live',
        path: '/live/v1/documents/doc_%C3%A4',
        resourcePath: '/v1/documents/{id}',
        httpMethod: 'POST',
        domainName: 'abcdefghij.execute-api.us-east-1.amazonaws.com',
        identity: { sourceIp: '127.0.0.1', userAgent: 'tester' },
      },
    });
    expect(event.headers).toMatchObject({ 'X-Many': 'one', 'X-Forwarded-For': '127.0.0.1', host: `127.0.0.1:${port}` });
    expect(event.multiValueHeaders).toMatchObject({ 'X-Many': ['one'] });
    expect((event.requestContext as unknown as { requestId: string }).requestId).toBe(
      answer.headers.get('x-amzn-requestid'),
    );
  });

  it('has null where there is nothing', async () => {
    const { url } = await start(echo, localApi([{ path: '/health', method: 'GET' }]));
    const event = await (await fetch(`${url}/health`)).json();
    expect(event).toMatchObject({
      body: null,
      pathParameters: null,
      queryStringParameters: null,
      multiValueQueryStringParameters: null,
      isBase64Encoded: false,
    });
  });

  it('has a body of a binary media type in base64, and answers in bytes only to who accepts them', async () => {
    const { url } = await start(
      `export const handler = async (event) => ({
         statusCode: 200, headers: { 'Content-Type': 'application/pdf' }, body: event.body, isBase64Encoded: event.isBase64Encoded });`,
      localApi([{}], { binaryMediaTypes: ['application/pdf'] }),
    );
    const body = Buffer.from([0, 255, 128, 37]);
    const send = (accept: string) =>
      fetch(`${url}/file`, { method: 'POST', body, headers: { 'Content-Type': 'application/pdf', Accept: accept } });
    expect(Buffer.from(await (await send('application/pdf')).arrayBuffer())).toEqual(body);
    expect(await (await send('text/html')).text()).toBe(body.toString('base64'));
  });
});

describe('the answer of a buffered function', () => {
  it('keeps status, headers and several values of one header', async () => {
    const { url } = await start(
      `export const handler = async () => ({ statusCode: 201, headers: { 'X-One': '1', 'set-cookie': 'z=0' },
         multiValueHeaders: { 'Set-Cookie': ['a=1', 'b=2'] }, body: 'done' });`,
    );
    const answer = await fetch(`${url}/x`);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('x-one')).toBe('1');
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(await answer.text()).toBe('done');
  });

  it.each([
    ['a value that is no object', `'text'`],
    ['no status', `{ body: 'x' }`],
    ['a body that is no text', `{ statusCode: 200, body: { a: 1 } }`],
    ['an error', `(() => { throw new Error('secret detail'); })()`],
    ['more than 6 MB', `{ statusCode: 200, body: 'x'.repeat(7 * 1024 * 1024) }`],
  ])('is 502 without details for %s', async (_, value) => {
    const { url } = await start(`export const handler = async () => (${value});`);
    const answer = await fetch(`${url}/x`);
    expect(answer.status).toBe(502);
    expect(await answer.json()).toEqual({ message: 'Internal server error' });
  });

  it('is the problem of the template when the gateway itself answers', async () => {
    const problem = (code: string) => ({
      headers: { 'Content-Type': 'application/problem+json' },
      templates: {
        'application/problem+json': `{"code":"${code}","detail":$context.error.messageString,"instance":"$context.requestId"}`,
      },
    });
    const api = localApi([{ timeoutMilliseconds: 300 }], {
      gatewayResponses: [
        { type: 'DEFAULT_5XX', statusCode: null, ...problem('internal') },
        { type: 'INTEGRATION_TIMEOUT', statusCode: 504, ...problem('timeout') },
      ],
    });
    const { url } = await start(
      `export const handler = async (event) => {
         if (event.path === '/slow') await new Promise((resolve) => setTimeout(resolve, 600)); return event.path === '/bad' ? 1 : { statusCode: 204 };
       };`,
      api,
    );
    expect((await fetch(`${url}/ok`)).status).toBe(204);
    const slow = await fetch(`${url}/slow`);
    expect([slow.status, slow.headers.get('content-type')]).toEqual([504, 'application/problem+json']);
    const requestId = slow.headers.get('x-amzn-requestid');
    expect(await slow.json()).toEqual({ code: 'timeout', detail: 'Endpoint request timed out', instance: requestId });
    const bad = await fetch(`${url}/bad`);
    expect([bad.status, ((await bad.json()) as { code: string }).code]).toEqual([502, 'internal']);
  });

  it('is 413 for more than 10 MB, announced or not, and 403 for a path without a route', async () => {
    const { url } = await start(echo, localApi([{ path: '/v1/{proxy+}' }]));
    const body = Buffer.alloc(10 * 1024 * 1024 + 1, 'x');
    expect((await fetch(`${url}/v1/x`, { method: 'POST', body })).status).toBe(413);
    async function* unannounced() {
      for (let megabyte = 0; megabyte < 12; megabyte += 1) yield Buffer.alloc(1024 * 1024);
    }
    const answered = await fetch(`${url}/v1/x`, {
      method: 'POST',
      body: unannounced(),
      duplex: 'half',
    } as unknown as RequestInit);
    expect(answered.status).toBe(413);
    const missing = await fetch(`${url}/elsewhere`);
    expect([missing.status, await missing.json()]).toEqual([403, { message: 'Missing Authentication Token' }]);
  });

  it('is 429 at once for whoever would wait too long, and the others are served', async () => {
    const { url } = await start(
      `export const handler = () => new Promise((done) => setTimeout(() => done({ statusCode: 200, body: '' }), 60));`,
      undefined,
      { concurrency: 1 },
    );
    for (let n = 0; n < 30; n++) await (await fetch(`${url}/a`)).text();
    const answers = await Promise.all(
      Array.from({ length: 90 }, () => fetch(`${url}/a`, { method: 'POST', body: 'x'.repeat(10_000) })),
    );
    const shed = answers.filter(({ status }) => status === 429);
    // Thirty-two may always wait, one is served; at 60 ms each, 250 ms hold no more than that.
    expect(shed.length).toBeGreaterThan(20);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(32);
    expect(shed.length + answers.filter(({ status }) => status === 200).length).toBe(90);
  });

  it('is 429 when every environment stays busy', async () => {
    const { url } = await start(
      `export const handler = async () => { await new Promise((resolve) => setTimeout(resolve, 1500)); return { statusCode: 200 }; };`,
      localApi([{}]),
      { concurrency: 1, waitMilliseconds: 100 },
    );
    const statuses = await Promise.all(
      [fetch(`${url}/a`), fetch(`${url}/b`)].map(async (answer) => (await answer).status),
    );
    expect(statuses.sort()).toEqual([200, 429]);
  });
});

const streamingApi = localApi([{ streaming: true, timeoutMilliseconds: 900_000 }]);
const streaming = (body: string) => `export const handler = awslambda.streamifyResponse(async (event, plain) => {
  const stream = awslambda.HttpResponseStream.from(plain, { statusCode: 200, headers: { 'Content-Type': 'text/event-stream' }, multiValueHeaders: { 'X-Many': ['1', '2'] } });
  const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  ${body}
});`;

describe('the answer of a streaming function', () => {
  it('arrives chunk by chunk under the status and headers of its metadata', async () => {
    const { url } = await start(
      streaming(`stream.write('event: a\\n\\n'); await pause(400); stream.write('event: b\\n\\n'); stream.end();`),
      streamingApi,
    );
    await fetch(`${url}/warm`).then((answer) => answer.text());
    const started = performance.now();
    const answer = await fetch(`${url}/x`);
    expect(answer.headers.get('content-type')).toBe('text/event-stream');
    expect(answer.headers.get('x-many')).toBe('1, 2');
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    const first = await reader.read();
    expect(Buffer.from(first.value ?? []).toString()).toBe('event: a\n\n');
    expect(performance.now() - started).toBeLessThan(350);
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('event: b\n\n');
    expect((await reader.read()).done).toBe(true);
  });

  it.each([
    ['ends without having written', `stream.end('text');`],
    ['fails before it writes', `throw new Error('early');`],
  ])('is 502 when the function %s', async (_, body) => {
    const { url } = await start(streaming(body), streamingApi);
    expect((await fetch(`${url}/x`)).status).toBe(502);
  });

  it('is cut when the function fails after its first bytes', async () => {
    const { url } = await start(
      streaming(`stream.write('some'); await pause(50); throw new Error('late');`),
      streamingApi,
    );
    const answer = await fetch(`${url}/x`);
    expect(answer.status).toBe(200);
    await expect(answer.text()).rejects.toThrow();
  });

  it('destroys the stream of the function when the client hangs up', async () => {
    const { port, lambda } = await start(
      streaming(`stream.once('close', () => console.log('closed'));
        while (!stream.destroyed) { stream.write('tick'); await pause(10); }`),
      streamingApi,
    );
    const client = httpRequest({ port, host: '127.0.0.1', path: '/x' }).end();
    const [answer] = (await once(client, 'response')) as [IncomingMessage];
    await once(answer, 'data');
    client.destroy();
    await expect.poll(() => lambda.lines, { timeout: 3_000 }).toContain('closed');
    // The environment is free again.
    expect((await fetch(`http://127.0.0.1:${port}/y`)).status).toBe(200);
  });

  it('lets the function wait for a slow client', async () => {
    const { port, lambda } = await start(
      streaming(`for (let n = 0; n < 400; n += 1) {
          if (!stream.write(Buffer.alloc(64 * 1024))) await new Promise((resolve) => stream.once('drain', resolve));
          if (n % 100 === 99) console.log('wrote ' + (n + 1));
        }
        stream.end();`),
      streamingApi,
    );
    const client = httpRequest({ port, host: '127.0.0.1', path: '/x' }).end();
    const [answer] = (await once(client, 'response')) as [IncomingMessage];
    answer.pause();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(lambda.lines).not.toContain('wrote 400');
    let size = 0;
    answer.on('data', (chunk: Buffer) => {
      size += chunk.length;
    });
    answer.resume();
    await once(answer, 'end');
    expect(size).toBe(400 * 64 * 1024);
  });
});
