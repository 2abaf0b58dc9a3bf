import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { authenticate, findRole, LoginError, type RoleRecord } from './authentication.ts';
import { BackendSession, type SharedSession } from './backend-session.ts';
import { type Batch, BatchCollector } from './batch-collector.ts';
import { EngineFailure, StatementError } from './engine.ts';
import { type Frame, FrameReader, FramingError } from './frame-reader.ts';
import { PreparedStatements } from './prepared-statements.ts';
import {
  backendKeyData,
  copyInResponse,
  errorResponse,
  negotiateProtocolVersion,
  type ProtocolError,
  parameterStatus,
  readyForQuery,
} from './protocol-messages.ts';
import { type Login, readStartup, takeSessionEndingTimeouts } from './startup-packet.ts';

/** What a connection gets from its server. */
export interface ConnectionContext {
  readonly session: SharedSession;
  readonly databases: ReadonlySet<string>;
  /** Milliseconds that a transaction may stay idle. */
  readonly idleInTransactionTimeout: number;
  readonly log: (line: string) => void;
  readonly onEngineFailure: (failure: EngineFailure) => void;
}

// What PostgreSQL reports to a client after the login.
const REPORTED = [
  'application_name',
  'client_encoding',
  'DateStyle',
  'default_transaction_read_only',
  'in_hot_standby',
  'integer_datetimes',
  'IntervalStyle',
  'is_superuser',
  'scram_iterations',
  'search_path',
  'server_encoding',
  'server_version',
  'session_authorization',
  'standard_conforming_strings',
  'TimeZone',
] as const;
const TERMINATE = 'X'.charCodeAt(0);
const LOGIN_TIMEOUT = 60_000; // PostgreSQL's authentication_timeout
const LINGER = 2_000; // for a client that does not read its last message
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;

/** One client, from its first byte to its last. */
export class Connection {
  readonly id: number;
  /** Settled when nothing of this connection is left in the session. */
  readonly finished: Promise<void>;
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #reader = new FrameReader();
  readonly #statements: PreparedStatements;
  #session: BackendSession | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #idleTimeout: number;
  #wakeReader: (() => void) | undefined;
  #isSuperuser = false;
  #closed = false;

  constructor(socket: Socket, id: number, context: ConnectionContext) {
    this.#socket = socket;
    this.id = id;
    this.#context = context;
    this.#idleTimeout = context.idleInTransactionTimeout;
    this.#statements = new PreparedStatements(id);
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', () => socket.destroy()); // a reset connection ends like a closed one
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onEnd());
    this.finished = this.#serve();
  }

  /** Tells the client why, and ends the connection. */
  end(error: ProtocolError): void {
    if (this.#closed) return;
    this.#socket.end(errorResponse(error));
    this.#socket.destroySoon();
    this.#onEnd();
  }

  /** A NotificationResponse for a channel this client listens to. */
  notify(message: Buffer): void {
    if (!this.#closed) this.#socket.write(message);
  }

  #onData(chunk: Buffer): void {
    this.#reader.push(chunk);
    if (this.#idleTimer) this.#idleTimer.refresh();
    if (this.#reader.buffered > MAX_UNREAD_BYTES && !this.#wakeReader) this.#socket.pause();
    this.#wakeReader?.();
  }

  #onEnd(): void {
    this.#closed = true;
    clearTimeout(this.#idleTimer);
    this.#wakeReader?.();
  }

  async #serve(): Promise<void> {
    try {
      await this.#login();
      await this.#serveBatches();
    } catch (error) {
      this.#fail(error);
    }
    this.#onEnd();
    this.#socket.end();
    setTimeout(() => this.#socket.destroy(), LINGER).unref();
    try {
      await this.#session?.leave();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof ConnectionClosed) return;
    const reason = clientError(error);
    if (reason) {
      this.end(reason);
      return;
    }
    this.end({ severity: 'FATAL', code: '57P02', message: 'the local Postgres stopped unexpectedly' });
    const failure = error instanceof EngineFailure ? error : new EngineFailure('the server failed', { cause: error });
    this.#context.onEngineFailure(failure);
  }

  async #login(): Promise<void> {
    const timer = setTimeout(() => this.#socket.destroy(), LOGIN_TIMEOUT);
    try {
      const login = await this.#receiveLogin();
      if (login.negotiate) this.#socket.write(negotiateProtocolVersion(login.negotiate));
      const role = await this.#authenticate(login);
      if (!this.#context.databases.has(login.database)) {
        throw new LoginError('3D000', `database "${login.database}" does not exist`);
      }
      await this.#openSession(login, role);
    } finally {
      clearTimeout(timer);
    }
  }

  async #receiveLogin(): Promise<Login> {
    for (;;) {
      const request = readStartup(await this.#receive(() => this.#reader.nextStartup()));
      if (request.kind === 'login') {
        if (request.user !== '') return request;
        throw new LoginError('28000', 'no PostgreSQL user name specified in startup packet');
      }
      // Nothing to cancel with: the backend cannot be interrupted while it runs a statement.
      if (request.kind === 'cancel') throw new ConnectionClosed();
      if (request.kind === 'unsupported') {
        throw new LoginError('0A000', `unsupported frontend protocol ${request.version}: server supports 3.0`);
      }
      this.#socket.write('N');
    }
  }

  async #authenticate(login: Login): Promise<RoleRecord> {
    const { queue, switch: sessions, engine } = this.#context.session;
    let role: RoleRecord | undefined;
    await queue.take(this, async () => {
      await sessions.activateServer();
      role = await findRole(engine, login.user);
      return 'released';
    });
    return authenticate(login, role, {
      send: (bytes) => void this.#socket.write(bytes),
      receive: () => this.#receive(() => this.#reader.next('authentication')),
    });
  }

  async #openSession(login: Login, role: RoleRecord): Promise<void> {
    const ofRole = new Map(role.settings);
    const idleOfRole = takeSessionEndingTimeouts(ofRole);
    const settings = new Map([...ofRole, ...login.settings]);
    const startup = { user: login.user, role: settings.get('role') ?? 'none', settings };
    settings.delete('role');
    // What the login asks for is stronger than what its role was given.
    const idle = login.idleInTransactionTimeout ?? idleOfRole ?? Number.POSITIVE_INFINITY;
    this.#idleTimeout = Math.min(this.#idleTimeout, idle);
    this.#session = new BackendSession(this.#context.session, startup, this.#statements, this, this.id);
    this.#isSuperuser = role.isSuperuser;
    const values = await this.#session.start(REPORTED);
    const parameters = REPORTED.map((name, index) => parameterStatus(name, values[index] ?? ''));
    this.#socket.write(Buffer.concat([...parameters, backendKeyData(this.id, randomInt(2 ** 31)), readyForQuery('I')]));
  }

  async #serveBatches(): Promise<void> {
    const collector = new BatchCollector(this.#statements, this.#isSuperuser);
    for (;;) {
      const frame = await this.#receive(() => this.#reader.next('ready'));
      if (frame.type === TERMINATE) return;
      const batch = collector.add(frame);
      if (batch) await this.#runBatch(batch);
    }
  }

  async #runBatch(batch: Batch): Promise<void> {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = undefined;
    const session = this.#session as BackendSession;
    if (batch.messages.length > 0) await session.run(batch, (bytes) => void this.#socket.write(bytes));
    if (batch.asksForCopy) this.#socket.write(copyInResponse(batch.asksForCopy === 'binary'));
    if (session.isHeld && !this.#closed) this.#idleTimer = setTimeout(() => this.#endIdle(), this.#idleTimeout);
    if (this.#socket.writableNeedDrain) await this.#drained();
  }

  /** One transaction keeps everybody else waiting, so an idle one is ended, as idle_in_transaction_session_timeout would. */
  #endIdle(): void {
    this.#context.log(
      `connection ${this.id} was idle in a transaction for ${this.#idleTimeout} ms: rolled back and closed`,
    );
    this.end({
      severity: 'FATAL',
      code: '25P03',
      message: 'terminating connection due to idle-in-transaction timeout',
    });
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.#socket.once('drain', resolve);
      this.#socket.once('close', () => resolve());
    });
  }

  /** The next message, waiting for more bytes as long as the client is there. */
  async #receive(take: () => Frame | undefined): Promise<Frame> {
    for (;;) {
      const frame = take();
      if (frame) return frame;
      if (this.#closed) throw new ConnectionClosed();
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
      this.#wakeReader = undefined;
    }
  }
}

/** What to tell the client of an error that concerns only its own connection. */
function clientError(error: unknown): ProtocolError | undefined {
  if (error instanceof LoginError) return error.error;
  if (error instanceof FramingError) return { severity: 'FATAL', code: '08P01', message: error.message };
  if (error instanceof StatementError) return { severity: 'FATAL', code: error.code, message: error.message };
  return undefined;
}

/** The client has gone: nothing to report to it. */
class ConnectionClosed extends Error {}
