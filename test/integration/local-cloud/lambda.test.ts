import { afterEach, describe, expect, it } from 'vitest';
import type { FunctionOptions, LocalFunction } from '../../support/local-functions.ts';
import { localFunction } from '../../support/local-functions.ts';

const open: LocalFunction[] = [];

function start(source: string, options?: FunctionOptions): LocalFunction {
  const started = localFunction(source, options);
  open.push(started);
  return started;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((started) => started.close()));
});

const invoke = (started: LocalFunction, event: unknown = {}, waitMilliseconds = 5_000) =>
  started.runner.invoke(JSON.stringify(event), { waitMilliseconds });

const payloadOf = async (result: ReturnType<typeof invoke>): Promise<unknown> => {
  const settled = await result;
  if (!settled.succeeded) throw new Error(`${settled.error.errorType}: ${settled.error.errorMessage}`);
  return JSON.parse(settled.payload);
};

const isAlive = (processId: number): boolean => {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
};

describe('an execution environment', () => {
  it('gives the handler its event, the environment of the template and nothing of the machine', async () => {
    process.env.LOCAL_TEST_SECRET_OF_THE_MACHINE = 'seen';
    const started = start(
      `export const handler = async (event, context) => ({
         event, environment: { ...process.env }, name: context.functionName, arn: context.invokedFunctionArn,
         id: context.awsRequestId, remaining: context.getRemainingTimeInMillis() });`,
      { environment: { STAGE: 'test' }, timeoutSeconds: 7 },
    );
    const payload = (await payloadOf(invoke(started, { question: 'a' }))) as Record<string, never>;
    expect(payload.event).toEqual({ question: 'a' });
    expect(payload.environment).toMatchObject({
      STAGE: 'test',
      AWS_REGION: 'us-east-1',
      AWS_LAMBDA_FUNCTION_NAME: 'test-function',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_ACCESS_KEY_ID: 'test-key',
      AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:1',
      TZ: 'UTC',
    });
    expect(payload.environment).not.toHaveProperty('LOCAL_TEST_SECRET_OF_THE_MACHINE');
    expect(payload).toMatchObject({ name: 'test-function', arn: started.runner.function.arn });
    expect(payload.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(payload.remaining).toBeGreaterThan(6_000);
    expect(payload.remaining).toBeLessThanOrEqual(7_000);
  });

  it('is ended when nothing came for it, all but one', async () => {
    const started = start(
      `export const handler = async () => { await new Promise((resolve) => setTimeout(resolve, 500)); return process.pid; };`,
      { concurrency: 3, idleMilliseconds: 200 },
    );
    const used = (await Promise.all(Array.from({ length: 3 }, () => payloadOf(invoke(started))))) as number[];
    expect(new Set(used).size).toBe(3);
    await expect.poll(() => used.filter(isAlive).length, { timeout: 5_000 }).toBe(1);
    expect(await payloadOf(invoke(started))).toBe(used.find(isAlive));
  });

  it('is kept warm and runs one event at a time', async () => {
    const started = start(
      `let running = 0, most = 0, count = 0;
       export const handler = async () => {
         running += 1; most = Math.max(most, running); count += 1;
         await new Promise((resolve) => setTimeout(resolve, 20));
         running -= 1;
         return { most, count, pid: process.pid };
       };`,
      { concurrency: 2 },
    );
    const payloads = (await Promise.all(Array.from({ length: 8 }, () => payloadOf(invoke(started))))) as {
      most: number;
      count: number;
      pid: number;
    }[];
    expect(new Set(payloads.map(({ pid }) => pid)).size).toBeLessThanOrEqual(2);
    expect(payloads.every(({ most }) => most === 1)).toBe(true);
    expect(Math.max(...payloads.map(({ count }) => count))).toBeGreaterThanOrEqual(4);
  });

  it('reports what a handler throws with its type, message and trace, and stays', async () => {
    const started = start(
      `export const handler = async (event) => {
         if (event.fail) { class Refused extends Error { name = 'Refused'; } throw new Refused('no such thing'); }
         return process.pid;
       };`,
      { concurrency: 1 },
    );
    const before = await payloadOf(invoke(started));
    const failed = await invoke(started, { fail: true });
    expect(failed).toMatchObject({ succeeded: false, error: { errorType: 'Refused', errorMessage: 'no such thing' } });
    expect(failed.succeeded ? [] : failed.error.trace?.length).toBeGreaterThan(1);
    expect(await payloadOf(invoke(started))).toBe(before);
  });

  it('is killed at the timeout of its function, even inside a busy loop, and replaced', async () => {
    const started = start(
      `export const handler = async (event) => { if (event.hang) for (;;); return process.pid; };`,
      { concurrency: 1, timeoutSeconds: 1 },
    );
    const before = (await payloadOf(invoke(started))) as number;
    const result = await invoke(started, { hang: true });
    expect(result).toMatchObject({ succeeded: false, error: { errorType: 'Sandbox.Timedout' } });
    expect(result.succeeded ? '' : result.error.errorMessage).toMatch(/Task timed out after 1\.00 seconds$/);
    const after = await payloadOf(invoke(started));
    expect(after).not.toBe(before);
    expect(isAlive(before)).toBe(false);
  });

  it.each([
    ['process.exit(7)', /exit status 7/],
    ['process.abort()', /SIGABRT/],
    [`void Promise.reject(new Error('nobody listens')); await new Promise(() => {})`, /exit status 1/],
    [`const all = []; for (;;) all.push(new Array(1e6).fill(Math.random()))`, /SIGABRT|SIGKILL|exit status/],
  ])('fails the event and is replaced when it does: %s', async (statement, reason) => {
    const started = start(
      `export const handler = async (event) => { if (event.crash) { ${statement}; } return 'well'; };`,
      { concurrency: 1, memoryMegabytes: 128 },
    );
    const result = await invoke(started, { crash: true });
    expect(result).toMatchObject({ succeeded: false, error: { errorType: 'Runtime.ExitError' } });
    expect(result.succeeded ? '' : result.error.errorMessage).toMatch(reason);
    expect(await payloadOf(invoke(started))).toBe('well');
  });

  it.each([
    [`export const other = 1;`, 'Runtime.HandlerNotFound'],
    [`throw new TypeError('wrong from the start');`, 'TypeError'],
  ])('reports an initialisation that fails: %s', async (source, errorType) => {
    const started = start(source);
    expect(await invoke(started)).toMatchObject({ succeeded: false, error: { errorType } });
    expect(await invoke(started)).toMatchObject({ succeeded: false, error: { errorType } });
  });

  it('throttles what finds no free environment in time', async () => {
    const started = start(
      `export const handler = async () => { await new Promise((resolve) => setTimeout(resolve, 1000)); return 1; };`,
      { concurrency: 1 },
    );
    await payloadOf(invoke(started));
    const long = invoke(started);
    await expect(invoke(started, {}, 100)).rejects.toMatchObject({ name: 'TooManyRequestsException' });
    expect(await payloadOf(long)).toBe(1);
  });

  it('collects what the handler prints, line by line', async () => {
    const started = start(
      `export const handler = async () => { console.log('one'); console.error('two'); process.stdout.write('th'); process.stdout.write('ree\\n'); };`,
    );
    expect(await payloadOf(invoke(started))).toBe(null);
    await expect.poll(() => [...started.lines].sort()).toEqual(['one', 'three', 'two']);
  });

  it('gets SIGTERM at the end, and leaves no process', async () => {
    const started = start(
      `process.on('SIGTERM', () => { console.log('closing'); process.exit(0); });
       export const handler = async () => process.pid;`,
    );
    const processId = (await payloadOf(invoke(started))) as number;
    await started.runner.close();
    expect(isAlive(processId)).toBe(false);
    await expect.poll(() => started.lines).toContain('closing');
  });

  it('is killed when it does not heed SIGTERM', async () => {
    const started = start(`process.on('SIGTERM', () => {}); export const handler = async () => process.pid;`);
    const processId = (await payloadOf(invoke(started))) as number;
    await started.runner.close();
    expect(isAlive(processId)).toBe(false);
  });
});

describe('a streaming handler', () => {
  const streaming = (body: string) =>
    `export const handler = awslambda.streamifyResponse(async (event, stream, context) => { ${body} });`;

  it('has its chunks read as they come, and waits for a slow reader', async () => {
    const started = start(
      streaming(`for (let n = 0; n < 100; n += 1) {
        if (!stream.write(Buffer.alloc(64 * 1024, n))) await new Promise((resolve) => stream.once('drain', resolve));
        console.log('wrote ' + n);
      }
      stream.end();`),
    );
    const sizes: number[] = [];
    let release: () => void = () => {};
    const reader = {
      write: (chunk: Uint8Array): Promise<void> | void => {
        sizes.push(chunk.length);
        if (sizes.length === 1)
          return new Promise((resolve) => {
            release = resolve;
          });
      },
    };
    const result = started.runner.invoke('{}', { waitMilliseconds: 5_000, reader });
    await expect.poll(() => sizes.length).toBeGreaterThan(0);
    release();
    expect(await result).toEqual({ succeeded: true, payload: '' });
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100 * 64 * 1024);
  });

  it('is held back while nothing is read', async () => {
    const started = start(
      streaming(`for (let n = 0; n < 100; n += 1) {
        if (!stream.write(Buffer.alloc(64 * 1024))) await new Promise((resolve) => stream.once('drain', resolve));
        console.log('wrote');
      }
      stream.end();`),
      { timeoutSeconds: 2 },
    );
    const result = await started.runner.invoke('{}', {
      waitMilliseconds: 5_000,
      reader: { write: () => new Promise(() => {}) },
    });
    expect(result).toMatchObject({ succeeded: false, error: { errorType: 'Sandbox.Timedout' } });
    expect(started.lines.filter((line) => line === 'wrote').length).toBeLessThan(20);
  });

  it('sees its stream destroyed when the reader has gone, and ends by itself', async () => {
    const started = start(
      streaming(`const { pipeline } = await import('node:stream/promises');
        async function* forEver() { for (;;) { yield 'tick'; await new Promise((resolve) => setTimeout(resolve, 5)); } }
        try { await pipeline(forEver, stream); } catch (error) { console.log('stopped: ' + error.code); }`),
    );
    const gone = new AbortController();
    const reader = { write: () => gone.abort() };
    const result = await started.runner.invoke('{}', { waitMilliseconds: 5_000, reader, readerGone: gone.signal });
    expect(result.succeeded).toBe(true);
    await expect.poll(() => started.lines).toContain('stopped: ECONNRESET');
  });
});
