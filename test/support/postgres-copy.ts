import type { Client, PoolClient } from 'pg';

interface RawConnection {
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

/** A query of `pg`'s own kind that speaks COPY, as pg-copy-streams does. */
class CopyQuery {
  readonly received: Buffer[] = [];
  readonly #text: string;
  readonly #chunks: readonly Buffer[];
  readonly #done: (error: Error | null, received: Buffer) => void;
  #error: Error | null = null;

  constructor(text: string, chunks: readonly Buffer[], done: (error: Error | null, received: Buffer) => void) {
    this.#text = text;
    this.#chunks = chunks;
    this.#done = done;
  }

  submit(connection: RawConnection): void {
    connection.query(this.#text);
  }
  handleCopyInResponse(connection: RawConnection): void {
    for (const chunk of this.#chunks) connection.sendCopyFromChunk(chunk);
    connection.endCopyFrom();
  }
  handleCopyData(message: { chunk: Buffer }): void {
    this.received.push(message.chunk);
  }
  handleError(error: Error): void {
    this.#error = error;
    this.#done(error, Buffer.alloc(0));
  }
  handleReadyForQuery(): void {
    if (!this.#error) this.#done(null, Buffer.concat(this.received));
  }
  handleRowDescription(): void {}
  handleDataRow(_message: { fields: string[] }): void {}
  handlePortalSuspended(): void {}
  handleCommandComplete(): void {}
  handleEmptyQuery(): void {}
}

/** Runs `COPY … FROM STDIN` with these chunks, or `COPY … TO STDOUT`, and gives what came back. */
export function copy(client: Client | PoolClient, text: string, chunks: readonly Buffer[] = []): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const query = new CopyQuery(text, chunks, (error, received) => (error ? reject(error) : resolve(received)));
    client.query(query as never);
  });
}

interface ExtendedConnection extends RawConnection {
  parse(query: { text: string; name?: string }): void;
  bind(config: object): void;
  execute(config: object): void;
  sync(): void;
}

/** `COPY … FROM STDIN` by the extended protocol, as libpq's PQexecParams does it. */
class ExtendedCopyQuery extends CopyQuery {
  readonly text: string;

  constructor(text: string, chunks: readonly Buffer[], done: (error: Error | null, received: Buffer) => void) {
    super(text, chunks, done);
    this.text = text;
  }
  override submit(connection: ExtendedConnection): void {
    connection.parse({ text: this.text });
    connection.bind({});
    connection.execute({});
    connection.sync();
  }
  override handleCopyInResponse(connection: ExtendedConnection): void {
    super.handleCopyInResponse(connection);
    connection.sync();
  }
}

export function copyExtended(client: Client, text: string, chunks: readonly Buffer[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const query = new ExtendedCopyQuery(text, chunks, (error, got) => (error ? reject(error) : resolve(got)));
    client.query(query as never);
  });
}

/** Only part of a query's messages, each part with a Sync of its own. */
class PartialQuery extends CopyQuery {
  readonly rows: string[] = [];
  readonly #send: (connection: ExtendedConnection) => void;

  constructor(send: (connection: ExtendedConnection) => void, done: (error: Error | null) => void) {
    super('', [], done);
    this.#send = send;
  }
  override submit(connection: ExtendedConnection): void {
    this.#send(connection);
    connection.sync();
  }
  override handleDataRow(message: { fields: string[] }): void {
    this.rows.push(...message.fields);
  }
}

/** Sends messages and a Sync; gives the columns that came back. */
export function sendPart(client: Client, send: (connection: ExtendedConnection) => void): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const query = new PartialQuery(send, (error) => (error ? reject(error) : resolve(query.rows)));
    client.query(query as never);
  });
}
