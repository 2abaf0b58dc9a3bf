import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** One process at one failpoint. */
export interface Pass {
  readonly pid: number;
  /** As a template names it: `queue/ingest-document.handler`. */
  readonly handler: string;
  readonly name: string;
  /** The document, where the failpoint knows it. */
  readonly about?: string;
}

export interface FailpointRule {
  readonly name: string;
  /** Begin of the handler's name; without it every function's passes count. */
  readonly handler?: string;
  /** `hold` keeps the process waiting there until it is released; `freeze` stops it as a whole for `milliseconds`. */
  readonly action: 'kill' | 'throw' | 'freeze' | 'hold';
  /** Which passes are struck, from 1; counted over all processes. */
  readonly passes: readonly number[] | 'all';
  /** Only passes of this document. */
  readonly about?: string;
  readonly milliseconds?: number;
}

/** A rule that is in force, and what came of it. */
export class ArmedFailpoint {
  readonly rule: FailpointRule;
  passed = 0;
  struck = 0;
  #release: () => void = () => {};
  #arrive: () => void = () => {};
  /** Settles when the first pass was struck. */
  readonly reached = new Promise<void>((resolve) => {
    this.#arrive = resolve;
  });
  readonly #released = new Promise<void>((resolve) => {
    this.#release = resolve;
  });

  constructor(rule: FailpointRule) {
    this.rule = rule;
  }

  concerns({ handler, name, about }: Pass): boolean {
    const isAbout = this.rule.about === undefined || this.rule.about === about;
    return this.rule.name === name && handler.startsWith(this.rule.handler ?? '') && isAbout;
  }

  /** Counts a pass. @returns the order for it */
  async order({ pid }: Pass): Promise<string> {
    this.passed += 1;
    const { passes } = this.rule;
    if (passes !== 'all' && !passes.includes(this.passed)) return 'pass';
    this.struck += 1;
    this.#arrive();
    const { action, milliseconds = 0 } = this.rule;
    if (action === 'hold') {
      await this.#released;
      return 'pass';
    }
    if (action === 'freeze') setTimeout(() => resume(pid), milliseconds);
    return action;
  }

  /** Lets whoever is held go on. */
  release(): void {
    this.#release();
  }
}

/** The other end of the failpoints of all functions: counts every pass and gives the orders. */
export class FailpointControl {
  /** Passes by failpoint since the start. */
  readonly passes = new Map<string, number>();
  readonly path: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #armed: ArmedFailpoint[] = [];

  private constructor(path: string) {
    this.path = path;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async listen(path: string): Promise<FailpointControl> {
    rmSync(path, { force: true });
    const control = new FailpointControl(path);
    await new Promise<void>((resolve) => control.#server.listen(path, resolve));
    return control;
  }

  arm(rule: FailpointRule): ArmedFailpoint {
    const armed = new ArmedFailpoint(rule);
    this.#armed.push(armed);
    return armed;
  }

  /** Ends all rules and lets go whoever is held. */
  clear(): void {
    for (const armed of this.#armed) armed.release();
    this.#armed = [];
  }

  async close(): Promise<void> {
    this.clear();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => this.#sockets.delete(socket));
    // A process is answered in the order in which it asked.
    let last = Promise.resolve();
    const lines = createInterface({ input: socket }).on('error', () => {});
    lines.on('line', (line) => {
      const order = this.#answer(JSON.parse(line) as Pass);
      last = last.then(async () => void (socket.writable && socket.write(`${await order}\n`)));
    });
  }

  async #answer(pass: Pass): Promise<string> {
    this.passes.set(pass.name, (this.passes.get(pass.name) ?? 0) + 1);
    const concerned = this.#armed.filter((armed) => armed.concerns(pass));
    for (const armed of concerned) {
      const order = await armed.order(pass);
      if (order !== 'pass') return order;
    }
    return 'pass';
  }
}

function resume(pid: number): void {
  try {
    process.kill(pid, 'SIGCONT');
  } catch {
    // It was ended meanwhile.
  }
}
