import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MessageReader, type WireMessage } from './runtime-interface-wire.ts';

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
  /** Whose request for the next event waits for its answer. */
  #poll: Socket | undefined;
  readonly #sockets = new Set<Socket>();
  #invocation: Invocation | undefined;
  #isReady: (importMilliseconds: number) => void = () => {};
  #isBroken: (error: Error) => void = () => {};

  constructor(timeoutMilliseconds: number) {
    this.#timeoutMilliseconds = timeoutMilliseconds;
    this.ready = new Promise((resolve, reject) => {
      this.#isReady = resolve;
      this.#isBroken = reject;
    });
    this.#server = createServer({ noDelay: true }, (socket) => {
      const reader = new MessageReader((message) => this.#serve(message, socket));
      this.#sockets.add(socket);
      socket
        .on('data', (data: Buffer) => reader.take(data))
        // The end of the process is told by the process.
        .on('error', () => {})
        .on('close', () => this.#sockets.delete(socket));
    });
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
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve({ start, headers, body }: WireMessage, socket: Socket): void {
    const path = start.split(' ')[1]?.slice(root.length) ?? '';
    if (path === 'invocation/next') {
      this.#isReady(Number(headers['x-import-milliseconds']));
      this.#poll = socket;
      this.#handOver();
      return;
    }
    const finished = performance.now();
    socket.write('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n');
    this.#settle(path, body, finished, Number(headers['x-handler-milliseconds']));
  }

  #handOver(): void {
    const [poll, invocation] = [this.#poll, this.#invocation];
    if (!poll || !invocation || invocation.handedOver > 0) return;
    this.#poll = undefined;
    invocation.handedOver = performance.now();
    poll.write(
      `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(invocation.event)}\r\n` +
        `lambda-runtime-aws-request-id: ${invocation.id}\r\n` +
        `lambda-runtime-deadline-ms: ${Date.now() + this.#timeoutMilliseconds}\r\n` +
        `lambda-runtime-invoked-function-arn: ${functionArn}\r\n\r\n${invocation.event}`,
    );
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
