import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface RuntimeOptions {
  /** The complete environment of the process; names the handler (`_HANDLER`) and where its code is (`LAMBDA_TASK_ROOT`). */
  readonly variables: Readonly<Record<string, string>>;
  readonly nodeOptions?: readonly string[];
  readonly timeoutMilliseconds?: number;
  /** Told each line that the function printed. */
  readonly onLine?: (line: string) => void;
}

export interface RuntimeAnswer {
  /** What the handler returned, as JSON text. */
  readonly payload: string;
  /** From handing over the event to having the whole answer. */
  readonly milliseconds: number;
  /** The same inside the process: from calling the handler to its result as text. */
  readonly handlerMilliseconds: number;
}

/** A function in a process of its own, driven over the AWS Lambda runtime interface: no gateway, no queue, nothing in between. */
export interface RuntimeProcess {
  readonly processId: number;
  /** From the start of the import of the handler's module to its end, with whatever it does at its top level. */
  readonly importMilliseconds: number;
  /** Runs one event; the caller sees to it that no other is running. Rejects with what the handler threw. */
  invoke(event: object): Promise<RuntimeAnswer>;
  /** Lets the process end by itself, so that profiles are written. */
  close(): Promise<void>;
}

interface Invocation {
  readonly id: string;
  readonly event: string;
  readonly resolve: (answer: RuntimeAnswer) => void;
  readonly reject: (error: Error) => void;
  handedOver: number;
}

const loopFile = fileURLToPath(new URL('./runtime-interface-loop.ts', import.meta.url));
const root = '/2018-06-01/runtime/';
const functionArn = 'arn:aws:lambda:us-east-1:000000000000:function:direct';

/** Starts the process; resolves when its handler has been loaded and it asks for the first event. */
export async function startRuntime(options: RuntimeOptions): Promise<RuntimeProcess> {
  const line = new RuntimeInterface(options.timeoutMilliseconds ?? 30_000);
  const address = await line.listen();
  const child = spawn(process.execPath, [...(options.nodeOptions ?? []), loopFile], {
    env: { ...options.variables, AWS_LAMBDA_RUNTIME_API: address },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const output of [child.stdout, child.stderr])
    createInterface({ input: output }).on('line', (text) => options.onLine?.(text));
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void exited.then(() => line.fail(new Error(`the runtime process ended: ${child.exitCode ?? child.signalCode}`)));
  const importMilliseconds = await line.ready;
  return {
    processId: child.pid as number,
    importMilliseconds,
    invoke: (event) => line.invoke(JSON.stringify(event)),
    close: () => end(child, exited, line),
  };
}

async function end(child: ChildProcess, exited: Promise<void>, line: RuntimeInterface): Promise<void> {
  child.kill('SIGTERM');
  await exited;
  line.close();
}

/** The server that a runtime polls: one event at a time. */
class RuntimeInterface {
  readonly ready: Promise<number>;
  readonly #server: Server;
  readonly #timeoutMilliseconds: number;
  #poll: ServerResponse | undefined;
  #invocation: Invocation | undefined;
  #isReady: (importMilliseconds: number) => void = () => {};
  #isBroken: (error: Error) => void = () => {};

  constructor(timeoutMilliseconds: number) {
    this.#timeoutMilliseconds = timeoutMilliseconds;
    this.ready = new Promise((resolve, reject) => {
      this.#isReady = resolve;
      this.#isBroken = reject;
    });
    this.#server = createServer({ keepAliveTimeout: 0 }, (request, response) => this.#serve(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  invoke(event: string): Promise<RuntimeAnswer> {
    return new Promise((resolve, reject) => {
      this.#invocation = { id: randomUUID(), event, resolve, reject, handedOver: 0 };
      this.#handOver();
    });
  }

  fail(error: Error): void {
    this.#isBroken(error);
    this.#invocation?.reject(error);
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url?.slice(root.length) ?? '';
    if (path === 'invocation/next') {
      this.#isReady(Number(request.headers['x-import-milliseconds']));
      this.#poll = response;
      this.#handOver();
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const finished = performance.now();
      response.writeHead(202, { 'content-length': 0 }).end();
      this.#settle(path, Buffer.concat(parts).toString(), finished, Number(request.headers['x-handler-milliseconds']));
    });
  }

  #handOver(): void {
    const [poll, invocation] = [this.#poll, this.#invocation];
    if (!poll || !invocation || invocation.handedOver > 0) return;
    this.#poll = undefined;
    invocation.handedOver = performance.now();
    poll.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(invocation.event),
      'lambda-runtime-aws-request-id': invocation.id,
      'lambda-runtime-deadline-ms': String(Date.now() + this.#timeoutMilliseconds),
      'lambda-runtime-invoked-function-arn': functionArn,
    });
    poll.end(invocation.event);
  }

  #settle(path: string, payload: string, finished: number, handlerMilliseconds: number): void {
    if (path === 'init/error') this.fail(new Error(`the handler could not be loaded: ${payload}`));
    const invocation = this.#invocation;
    if (!invocation || !path.includes(invocation.id)) return;
    this.#invocation = undefined;
    if (path.endsWith('/error')) invocation.reject(new Error(payload));
    else invocation.resolve({ payload, milliseconds: finished - invocation.handedOver, handlerMilliseconds });
  }
}
