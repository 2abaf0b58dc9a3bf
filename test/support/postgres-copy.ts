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
  handleDataRow(): void {}
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
