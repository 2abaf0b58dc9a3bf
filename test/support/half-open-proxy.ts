import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a connection through the proxy meets. */
type Mode = 'pass' | 'freeze' | 'refuse';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
}

/** The tag of Postgres's answer to COMMIT. */
const committed = Buffer.from('COMMIT\0');

/**
 * A TCP proxy before an engine, for what happens between two processes that are both well: connections that stand still though they
 * are open, are refused, are slow, or break between a COMMIT and its answer.
 */
export class HalfOpenProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #pairs = new Set<Pair>();
  #mode: Mode = 'pass';
  #delayMilliseconds = 0;
  #commitsToCut = 0;
  /** Answers to COMMIT that were withheld so far. */
  cutCommits = 0;

  private constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.#server = createServer((client) => this.#accept(client));
  }

  /** Before the engine of a URL; listens on a free port. */
  static async before(url: string): Promise<HalfOpenProxy> {
    const { hostname, port } = new URL(url);
    const proxy = new HalfOpenProxy({ host: hostname, port: Number(port) });
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  /** The URL of the engine, by way of this proxy. */
  through(url: string): string {
    const own = new URL(url);
    const { port } = this.#server.address() as { port: number };
    own.hostname = '127.0.0.1';
    own.port = String(port);
    return own.href;
  }

  /** Ends every fault. What was held is passed on. */
  pass(): void {
    this.#mode = 'pass';
    this.#delayMilliseconds = 0;
    this.#commitsToCut = 0;
    for (const { client, upstream } of this.#pairs) {
      client.resume();
      upstream.resume();
    }
  }

  /** Connections stay open and say nothing, as to a host that lost its power. */
  freeze(): void {
    this.#mode = 'freeze';
    for (const { client, upstream } of this.#pairs) {
      client.pause();
      upstream.pause();
    }
  }

  /** Every connection is reset, new ones too. */
  refuse(): void {
    this.#mode = 'refuse';
    for (const pair of this.#pairs) reset(pair);
  }

  /** Everything takes so much longer in each direction. */
  delay(milliseconds: number): void {
    this.#delayMilliseconds = milliseconds;
  }

  /** The next so many transactions are committed, and their connections break before anybody is told. */
  cutAfterCommit(times: number): void {
    this.#commitsToCut = times;
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) reset(pair);
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#mode === 'refuse') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...this.#target, noDelay: true });
    client.setNoDelay(true);
    const pair = { client, upstream };
    this.#pairs.add(pair);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('error', () => {});
      from.on('close', () => {
        this.#pairs.delete(pair);
        to.destroy();
      });
    }
    client.on('data', (bytes) => this.#forward(bytes, upstream));
    upstream.on('data', (bytes) => {
      if (this.#commitsToCut > 0 && bytes.includes(committed)) {
        this.#commitsToCut -= 1;
        this.cutCommits += 1;
        reset(pair);
      } else this.#forward(bytes, client);
    });
    if (this.#mode === 'freeze') {
      client.pause();
      upstream.pause();
    }
  }

  #forward(bytes: Buffer, to: Socket): void {
    // Equal delays keep the order: timers of one length fire as they were set.
    if (this.#delayMilliseconds > 0) setTimeout(() => to.writable && to.write(bytes), this.#delayMilliseconds);
    else if (to.writable) to.write(bytes);
  }
}

function reset({ client, upstream }: Pair): void {
  client.resetAndDestroy();
  upstream.resetAndDestroy();
}
