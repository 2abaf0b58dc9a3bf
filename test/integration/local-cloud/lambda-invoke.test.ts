import { createHash, createHmac } from 'node:crypto';
import type { Server } from 'node:http';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeServer, listen } from '../../../infra/local/cloud/listen.ts';
import type { Principal } from '../../../infra/local/iam/authorizer.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { createInvokeApi } from '../../../infra/local/lambda/invoke-api.ts';
import { LambdaService } from '../../../infra/local/lambda/lambda-service.ts';
import { type LocalFunction, localFunction } from '../../support/local-functions.ts';

const allowed: Principal = {
  name: 'api',
  accessKeyId: 'LOCALAPI',
  secretAccessKey: 'secret',
  statements: [
    {
      Effect: 'Allow',
      Action: 'lambda:InvokeFunction',
      Resource: 'arn:aws:lambda:us-east-1:000000000000:function:test-function',
    },
  ],
};
const stranger: Principal = {
  name: 'stranger',
  accessKeyId: 'LOCALSTRANGER',
  secretAccessKey: 'secret',
  statements: [],
};

let lambda: LocalFunction;
let server: Server;
let port: number;

beforeAll(async () => {
  lambda = localFunction(
    `export const handler = async (event) => {
       if (event.fail) throw new Error('refused');
       if (event.later) console.log('later: ' + event.later);
       return { got: event };
     };`,
  );
  const service = new LambdaService([lambda.runner], () => {});
  server = createInvokeApi({ lambda: () => service, authorizer: createAuthorizer([allowed, stranger]) });
  port = await listen(server, 0);
});

afterAll(async () => {
  await closeServer(server, 100);
  await lambda.close();
});

/** What SignatureV4 asks of a hash. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | Uint8Array) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

async function invoke(principal: Principal, name: string, payload: unknown, type?: string): Promise<Response> {
  const signer = new SignatureV4({
    service: 'lambda',
    region: 'us-east-1',
    credentials: principal,
    sha256: Sha256 as never,
  });
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const path = `/2015-03-31/functions/${name}/invocations`;
  const signed = await signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    port,
    path,
    headers: { host: `127.0.0.1:${port}`, ...(type === undefined ? {} : { 'x-amz-invocation-type': type }) },
    body,
  });
  return fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers: signed.headers, body });
}

describe('Invoke', () => {
  it('runs the function and gives its payload', async () => {
    const answer = await invoke(allowed, 'test-function', { a: 1 });
    expect([answer.status, answer.headers.get('x-amz-function-error')]).toEqual([200, null]);
    expect(await answer.json()).toEqual({ got: { a: 1 } });
  });

  it('marks what the function failed with', async () => {
    const answer = await invoke(allowed, 'test-function', { fail: true });
    expect([answer.status, answer.headers.get('x-amz-function-error')]).toEqual([200, 'Unhandled']);
    expect(await answer.json()).toMatchObject({ errorType: 'Error', errorMessage: 'refused' });
  });

  it('accepts an event and runs it later', async () => {
    const answer = await invoke(allowed, 'test-function', { later: 'x' }, 'Event');
    expect([answer.status, await answer.text()]).toEqual([202, '']);
    await expect.poll(() => lambda.lines).toContain('later: x');
  });

  it.each([
    ['a role without the right', stranger, 'test-function', {}, 403, 'AccessDeniedException'],
    ['a function that is not there', allowed, 'other', {}, 404, 'ResourceNotFoundException'],
    ['a payload that is no JSON', allowed, 'test-function', '{', 400, 'InvalidRequestContentException'],
    ['a key that nobody has', { ...allowed, accessKeyId: 'NOBODY' }, 'test-function', {}, 403, 'InvalidClientTokenId'],
    ['a wrong signature', { ...allowed, secretAccessKey: 'x' }, 'test-function', {}, 403, 'SignatureDoesNotMatch'],
  ])('refuses %s', async (_, principal, name, payload, status, code) => {
    const answer = await invoke(principal, name, payload);
    expect([answer.status, answer.headers.get('x-amzn-errortype')]).toEqual([status, code]);
  });
});
