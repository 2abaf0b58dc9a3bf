import { type ChildProcess, fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FunctionError, MessageFromRuntime, MessageToRuntime, RuntimeInvocation } from './messages.ts';

/** Takes what a streaming handler writes; resolves `write` when it can take more. */
export interface StreamReader {
  write(chunk: Uint8Array, contentType: string): Promise<void> | void;
}

export type InvocationResult =
  | { readonly succeeded: true; readonly payload: string }
  | { readonly succeeded: false; readonly error: FunctionError };

export interface EnvironmentSettings {
  readonly functionName: string;
  readonly timeoutMilliseconds: number;
  readonly memoryMegabytes: number;
  readonly variables: Readonly<Record<string, string>>;
  onLine(line: string): void;
  /** Called once, when the process has ended for whatever reason. */
  onExit(environment: ExecutionEnvironment): void;
}

interface Running {
  readonly requestId: string;
  readonly reader: StreamReader | undefined;
  readonly settle: (result: InvocationResult) => void;
  readonly timer: NodeJS.Timeout;
}

const runtimeFile = fileURLToPath(new URL('./runtime-child.ts', import.meta.url));
/** What Node made of the modules last time: halves the processor time that an environment takes to start. */
const compileCache = fileURLToPath(new URL('../../../.build/compile-cache', import.meta.url));
/** Lambda ends an initialisation after 10 s; a loaded laptop is given more. */
const initialisationMilliseconds = 30_000;
/** Part of a function's memory that Node may use as its heap; the rest is for buffers and the process itself. */
const heapShare = 0.9;

/** One process that runs one function, one event at a time. */
export class ExecutionEnvironment {
  readonly #settings: EnvironmentSettings;
  readonly #child: ChildProcess;
  readonly ready: Promise<InvocationResult>;
  #running: Running | undefined;
  #ended = false;
  #whenReady: (result: InvocationResult) => void = () => {};
  #exitReason: FunctionError | undefined;

  constructor(settings: EnvironmentSettings) {
    this.#settings = settings;
    this.ready = new Promise((resolve) => {
      this.#whenReady = resolve;
    });
    this.#child = fork(runtimeFile, [], {
      cwd: settings.variables.LAMBDA_TASK_ROOT,
      env: { NODE_COMPILE_CACHE: compileCache, ...settings.variables },
      execArgv: [`--max-old-space-size=${Math.floor(settings.memoryMegabytes * heapShare)}`],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const output of [this.#child.stdout, this.#child.stderr]) {
      if (output) createInterface({ input: output }).on('line', (line) => settings.onLine(line));
    }
    this.#child.on('message', (message) => this.#receive(message as MessageFromRuntime));
    this.#child.on('exit', (code, signal) => this.#exited(code, signal));
    this.#child.on('error', (error) => this.#failed(error));
    const timer = setTimeout(() => this.#kill('Sandbox.Timedout', 'Init timed out'), initialisationMilliseconds);
    void this.ready.finally(() => clearTimeout(timer));
  }

  get ended(): boolean {
    return this.#ended;
  }

  get processId(): number | undefined {
    return this.#child.pid;
  }

  /** Runs one event; never rejects. The caller sees to it that no other event is running. */
  invoke(invocation: Omit<RuntimeInvocation, 'deadline'>, reader?: StreamReader): Promise<InvocationResult> {
    const { timeoutMilliseconds } = this.#settings;
    return new Promise((settle) => {
      const timer = setTimeout(() => this.#timeOut(), timeoutMilliseconds);
      this.#running = { requestId: invocation.requestId, reader, settle, timer };
      this.#send({ type: 'invoke', invocation: { ...invocation, deadline: Date.now() + timeoutMilliseconds } });
    });
  }

  /** The reader of this invocation's stream has disconnected. */
  readerGone(requestId: string): void {
    if (this.#running?.requestId === requestId) this.#send({ type: 'reader_gone', requestId });
  }

  /** SIGTERM, and SIGKILL when the process is still there after `graceMilliseconds`. */
  async close(graceMilliseconds: number): Promise<void> {
    if (this.#ended) return;
    const exited = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMilliseconds);
    await exited;
    clearTimeout(timer);
  }

  #send(message: MessageToRuntime): void {
    // A failure to send means that the process is going; its exit settles whatever runs.
    this.#child.send(message, () => {});
  }

  #receive(message: MessageFromRuntime): void {
    if (message.type === 'ready') {
      this.#whenReady({ succeeded: true, payload: '' });
    } else if (message.type === 'initialisation_failed') {
      this.#whenReady({ succeeded: false, error: message.error });
    } else if (message.requestId === this.#running?.requestId) {
      if (message.type === 'chunk') this.#forward(message.requestId, message.data, message.contentType);
      else if (message.type === 'succeeded') this.#settle({ succeeded: true, payload: message.payload });
      else this.#settle({ succeeded: false, error: message.error });
    }
  }

  #forward(requestId: string, data: Uint8Array, contentType: string): void {
    const acknowledge = (): void => this.#send({ type: 'acknowledge', requestId });
    const taken = this.#running?.reader?.write(data, contentType);
    if (taken) taken.then(acknowledge, () => this.readerGone(requestId));
    else acknowledge();
  }

  #timeOut(): void {
    const seconds = (this.#settings.timeoutMilliseconds / 1_000).toFixed(2);
    this.#kill('Sandbox.Timedout', `Task timed out after ${seconds} seconds`);
  }

  #kill(errorType: string, reason: string): void {
    this.#exitReason = { errorType, errorMessage: this.#describe(reason) };
    this.#settings.onLine(this.#exitReason.errorMessage);
    this.#child.kill('SIGKILL');
  }

  /** The process could not be started at all, so it will not exit either; any other failure is followed by an exit. */
  #failed(error: Error): void {
    this.#exitReason = { errorType: 'Runtime.ExitError', errorMessage: this.#describe(error.message) };
    this.#settings.onLine(this.#exitReason.errorMessage);
    if (this.#child.pid === undefined) this.#exited(null, null);
  }

  #exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.#ended = true;
    const status = signal === null ? `exit status ${code}` : `signal: ${signal}`;
    const error = this.#exitReason ?? {
      errorType: 'Runtime.ExitError',
      errorMessage: this.#describe(`Runtime exited with error: ${status}`),
    };
    this.#whenReady({ succeeded: false, error });
    this.#settle({ succeeded: false, error });
    this.#settings.onExit(this);
  }

  #describe(reason: string): string {
    return this.#running ? `RequestId: ${this.#running.requestId} Error: ${reason}` : `Error: ${reason}`;
  }

  #settle(result: InvocationResult): void {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    clearTimeout(running.timer);
    running.settle(result);
  }
}
