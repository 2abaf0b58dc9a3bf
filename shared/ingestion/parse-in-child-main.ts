import { Socket } from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { dieOf } from './deadly-text.ts';
import type { ChildReply, ChildRequest } from './parse-in-child-contract.ts';
import { type Frame, readFrames, writeFrame } from './parse-in-child-frames.ts';

/** The pipe that the parent opened, after the three standard streams. */
const pipe = 3;
/** Inflating fills a gigabyte in a second: at this pace the limit is passed by some tens of megabytes at most. */
const watchEveryMilliseconds = 10;

/**
 * The heap's share of the memory: V8 collects in earnest only near its own limit. Without one, 16 MB of JSON leave 485 MB resident,
 * with one of 300 MB they leave 280 and take no longer.
 */
const heapShare = 0.6;
const youngMegabytes = 24;

/**
 * The child of parseInChild and splitInChild; its only argument is the megabytes of memory that it will be granted. Its main thread only watches, so that it can end the process at any moment, whatever the parser's
 * thread does: when memory or time is over, and when the parent has gone.
 */
async function watch(memoryMegabytes: number): Promise<void> {
  const socket = new Socket({ fd: pipe });
  socket.on('error', endNow);
  // The environment may hold credentials, which parsers need not see.
  const worker = new Worker(new URL(import.meta.url), {
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: memoryMegabytes * heapShare, maxYoungGenerationSizeMb: youngMegabytes },
  });
  let stopWatching = (): void => {};
  worker.on('message', ({ header, body }: Frame<ChildReply>) => {
    stopWatching();
    writeFrame(socket, header, body);
  });
  worker.on('error', (error) => {
    if ('code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY') refuse(socket, takesTooMuch, error.message);
    else refuse(socket, isBroken, error.message);
  });
  for await (const { header, body } of readFrames<ChildRequest>(socket)) {
    dieOf(body);
    stopWatching = watchLimits(header, (detail) => refuse(socket, takesTooMuch, detail));
    worker.postMessage({ header, body }, [body.buffer]);
  }
  endNow();
}

/** @returns what ends the watch */
function watchLimits({ limits }: ChildRequest, refuseWith: (detail: string) => void): () => void {
  const started = performance.now();
  const end = (detail: string): void => {
    clearInterval(timer);
    refuseWith(detail);
  };
  const timer = setInterval(() => {
    if (process.memoryUsage.rss() > limits.memoryMegabytes * 1_000_000)
      end(`more than ${limits.memoryMegabytes} MB of memory`);
    else if (performance.now() - started > limits.timeoutMilliseconds)
      end(`more than ${limits.timeoutMilliseconds} ms of time`);
  }, watchEveryMilliseconds);
  return () => clearInterval(timer);
}

const takesTooMuch = {
  code: 'file_expands_too_far',
  message: 'Reading the file takes more memory or time than allowed.',
} as const;
const isBroken = { code: 'corrupt_file', message: 'The file is broken and cannot be read.' } as const;

/** The last word of this process. */
function refuse(socket: Socket, reason: typeof takesTooMuch | typeof isBroken, detail: string): void {
  writeFrame(socket, { outcome: 'refused', ...reason, detail } satisfies ChildReply);
  socket.end(endNow);
}

function endNow(): void {
  // process.exit would wait for the parser's thread.
  process.kill(process.pid, 'SIGKILL');
}

async function work(): Promise<void> {
  const port = parentPort;
  if (!port) throw new Error('A thread has a port to its parent.');
  // What is rejected here is no stray: Node throws it out of the listener's promise, and that ends the thread.
  port.on('message', async ({ header, body }: Frame<ChildRequest>) => {
    const reply = await answer(header, body);
    port.postMessage(reply, [reply.body.buffer]);
  });
  // A promise that a library left behind says nothing about the file that is read now: what is awaited decides.
  process.on('unhandledRejection', () => undefined);
  const ready: Frame<ChildReply> = { header: { outcome: 'ready' }, body: new Uint8Array(0) };
  port.postMessage(ready);
}

/** Parsers and the tokeniser are loaded by the first request that needs them. */
async function answer(request: ChildRequest, bytes: Uint8Array<ArrayBuffer>): Promise<Frame<ChildReply>> {
  if ('texts' in request) return (await import('./split-texts.ts')).splitTexts(request, bytes);
  return (await import('./formats/parse-format.ts')).parseFormat(request, bytes);
}

await (isMainThread ? watch(Number(process.argv[2])) : work());
