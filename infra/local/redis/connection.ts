import type { Socket } from 'node:net';
import type { CommandContext, Server, Session } from './commands/command.ts';
import { endTransaction } from './commands/transactions.ts';
import { dispatch, newTransaction } from './dispatcher.ts';
import { RedisError, type Reply } from './protocol/reply.ts';
import { ReplyWriter } from './protocol/reply-writer.ts';
import { ProtocolError, RequestParser } from './protocol/request-parser.ts';

/** A listener that falls this far behind is cut off, as Redis does with its pub/sub clients. */
const MAX_UNREAD_MESSAGES_BYTES = 32 * 1024 * 1024;

/** One client: parses, dispatches in order, writes the answers of one read together. */
export class Connection implements Session {
  readonly id: number;
  readonly address: string;
  readonly channels = new Set<string>();
  readonly transaction = newTransaction();
  readonly library = { name: '', version: '' };
  name = '';
  authenticated: boolean;
  readonly #socket: Socket;
  readonly #server: Server;
  readonly #writer: ReplyWriter;
  readonly #parser: RequestParser;
  readonly #context: CommandContext;
  #reading = false;
  #ended = false;

  constructor(id: number, socket: Socket, server: Server) {
    this.id = id;
    this.address = `${socket.remoteAddress}:${socket.remotePort}`;
    this.authenticated = server.password === undefined;
    this.#socket = socket;
    this.#server = server;
    this.#writer = new ReplyWriter(socket);
    this.#context = { server, session: this, keyspace: server.keyspace };
    this.#parser = new RequestParser((args) => this.#answer(args));
    socket.on('data', (frame) => this.#receive(frame));
    socket.on('drain', () => socket.resume());
  }

  send(reply: Reply): void {
    this.#writer.add(reply);
    if (this.#reading) return;
    this.#writer.flush();
    if (this.#socket.writableLength > MAX_UNREAD_MESSAGES_BYTES) this.#socket.destroy();
  }

  quit(): void {
    this.#ended = true;
  }

  reset(): void {
    this.release();
    this.name = '';
    this.authenticated = this.#server.password === undefined;
  }

  /** Lets go of channels and watched keys; also called when the socket has closed. */
  release(): void {
    endTransaction(this.#context);
    for (const channel of this.channels) this.#server.channels.unsubscribe(channel, this);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #receive(frame: Buffer): void {
    if (this.#ended) return;
    this.#reading = true;
    try {
      this.#parser.push(frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#writer.add(new RedisError(error.message));
      this.#ended = true;
    } finally {
      this.#reading = false;
    }
    this.#writer.flush();
    if (this.#ended) this.#socket.end();
    // A client that does not read its answers is not read either, so they cannot pile up.
    else if (this.#socket.writableNeedDrain) this.#socket.pause();
  }

  #answer(args: Buffer[]): void {
    if (!this.#ended) this.#writer.add(dispatch(this.#context, args));
  }
}
