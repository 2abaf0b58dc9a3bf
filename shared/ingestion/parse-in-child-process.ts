import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DocumentError } from '../core/document-errors.ts';
import type { ChildReply, ChildRequest, FinalReply } from './parse-in-child-contract.ts';
import { type Frame, readFrames, writeFrame } from './parse-in-child-frames.ts';

/** Run from source, the program is beside this file; in the bundle, in a directory beside that of any handler or chunk. */
const program = import.meta.url.endsWith('.ts')
  ? new URL('./parse-in-child-main.ts', import.meta.url)
  : new URL('../programs/parse-in-child.mjs', import.meta.url);

/** The child ends itself when time is over; one that cannot even do that is ended from here. */
const graceMilliseconds = 2_000;
const startMilliseconds = 20_000;
const keptErrorOutput = 2_000;

/** One child process that parses one file after another. While idle it does not keep its parent alive, and it ends with its parent. */
export class ParserProcess {
  /** How many files it was given. */
  documents = 0;
  /** Limits for each of its files. */
  readonly memoryMegabytes: number;
  private readonly child: ChildProcess;
  private readonly socket: Socket;
  private readonly replies: AsyncGenerator<Frame<ChildReply>>;
  private readonly exited: Promise<void>;
  private errorOutput = '';

  /** @throws Error when the child does not start: no fault of any document */
  static async start(memoryMegabytes: number): Promise<ParserProcess> {
    const started = new ParserProcess(memoryMegabytes);
    const reply = await started.nextReply(startMilliseconds);
    if (reply?.header.outcome === 'ready') return started;
    const detail = reply?.header.outcome === 'refused' ? reply.header.detail : undefined;
    started.end();
    await started.exited;
    throw new Error(`The parser's process did not start: ${detail ?? started.ending()}`);
  }

  private constructor(memoryMegabytes: number) {
    this.memoryMegabytes = memoryMegabytes;
    this.child = spawn(process.execPath, [fileURLToPath(program), String(memoryMegabytes)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    this.socket = this.child.stdio[3] as Socket;
    this.exited = new Promise((resolve) => {
      this.child.once('exit', () => resolve());
      this.child.once('error', (error) => {
        this.errorOutput += error.message;
        resolve();
      });
    });
    this.child.stderr?.on('data', (data: Buffer) => {
      this.errorOutput = (this.errorOutput + data.toString()).slice(-keptErrorOutput);
    });
    // If the child dies during a write, its exit says why.
    this.socket.on('error', () => undefined);
    this.replies = readFrames<ChildReply>(this.socket);
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null && !this.socket.destroyed;
  }

  /** @throws DocumentError when the process ends instead of answering */
  async ask(request: ChildRequest, bytes: Uint8Array): Promise<Frame<FinalReply>> {
    this.keepAwake(true);
    this.documents += 'texts' in request ? request.texts.length : 1;
    writeFrame(this.socket, request, bytes);
    const reply = await this.nextReply(request.limits.timeoutMilliseconds + graceMilliseconds);
    this.keepAwake(false);
    if (reply && reply.header.outcome !== 'ready') return { header: reply.header, body: reply.body };
    // The pipe closes a moment before the exit is reported.
    await Promise.race([this.exited, setTimeout(graceMilliseconds, undefined, { ref: false })]);
    this.end();
    await this.exited;
    throw this.endedEarly();
  }

  end(): void {
    this.child.kill('SIGKILL');
    this.socket.destroy();
  }

  private async nextReply(milliseconds: number): Promise<Frame<ChildReply> | undefined> {
    const timer = globalThis.setTimeout(() => this.end(), milliseconds);
    try {
      const next = await this.replies.next();
      return next.done ? undefined : next.value;
    } catch {
      // A pipe that broke says nothing: the exit does.
      return undefined;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The kernel and V8 end a process that lacks memory by these two signals; any other end is a crash on this file's bytes. */
  private endedEarly(): DocumentError {
    const cause = new Error(this.ending());
    const lacksMemory = this.child.signalCode === 'SIGKILL' || this.child.signalCode === 'SIGABRT';
    return lacksMemory
      ? new DocumentError('file_expands_too_far', 'Reading the file takes more memory or time than allowed.', {
          cause,
        })
      : new DocumentError('corrupt_file', 'The file is broken and cannot be read.', { cause });
  }

  private ending(): string {
    const { exitCode, signalCode } = this.child;
    return `exit code ${exitCode}, signal ${signalCode}. ${this.errorOutput}`.trim();
  }

  private keepAwake(isBusy: boolean): void {
    const handles = [this.child, this.socket, this.child.stderr as Socket | null];
    for (const handle of handles) isBusy ? handle?.ref() : handle?.unref();
  }
}
