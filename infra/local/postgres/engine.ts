import type { PGlite } from '@electric-sql/pglite';
import { backendFrames, dataRow, errorFields, simpleQuery } from './protocol-messages.ts';

const LONG_JUMP = 100; // PGlite's POSTGRES_MAIN_LONGJMP: an ordinary SQL error on its way to the main loop
const ERROR_RESPONSE = 'E'.charCodeAt(0);
const DATA_ROW = 'D'.charCodeAt(0);

/** The backend is gone (a FATAL error inside it, or the WebAssembly trapped): nothing more can run. */
export class EngineFailure extends Error {
  override name = 'EngineFailure';
}

/** A statement of the server's own failed. */
export class StatementError extends Error {
  override name = 'StatementError';
  readonly code: string;

  constructor(code: string, text: string) {
    super(text);
    this.code = code;
  }
}

interface BackendModule {
  _PostgresMainLoopOnce(): void;
  _pq_buffer_remaining_data(): number;
}

/** One PGlite backend that takes protocol messages. Callers see to it that only one call runs at a time. */
export class Engine {
  readonly #database: PGlite;
  #failure: EngineFailure | undefined;

  constructor(database: PGlite) {
    this.#database = database;
    this.#guardMainLoop(database.Module as unknown as BackendModule);
    refuseCommands(database);
  }

  get failure(): EngineFailure | undefined {
    return this.#failure;
  }

  /** Runs whole frontend messages and gives everything the backend said to them. */
  async execute(messages: Uint8Array): Promise<Buffer> {
    if (this.#failure) throw this.#failure;
    const chunks: Buffer[] = [];
    // PGlite hands out views of its memory, which the next call overwrites: each is copied once.
    const onRawData = (data: Uint8Array): void => void chunks.push(Buffer.from(data));
    try {
      await this.#database.execProtocolRawStream(messages, { syncToFs: false, onRawData });
    } catch (error) {
      this.#failure ??= new EngineFailure('the backend stopped', { cause: error });
      throw this.#failure;
    }
    return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  }

  /** Runs SQL of the server's own and gives the rows as text. */
  async query(sql: string): Promise<(string | null)[][]> {
    const output = await this.execute(simpleQuery(sql));
    const rows: (string | null)[][] = [];
    for (const frame of backendFrames(output)) {
      if (frame.type === DATA_ROW) rows.push(dataRow(output, frame));
      if (frame.type !== ERROR_RESPONSE) continue;
      const { C: code = 'XX000', M: text = 'unknown error' } = errorFields(output, frame);
      throw new StatementError(code, text);
    }
    return rows;
  }

  /**
   * PGlite's loop swallows every exception of the backend and goes on, so that after a FATAL error it would spin for
   * ever. Its loop condition calls `_pq_buffer_remaining_data` outside the `try`: throwing there gets us out.
   */
  #guardMainLoop(backend: BackendModule): void {
    const mainLoopOnce = backend._PostgresMainLoopOnce;
    const remaining = backend._pq_buffer_remaining_data;
    backend._PostgresMainLoopOnce = () => {
      if (this.#failure) throw this.#failure;
      try {
        mainLoopOnce();
      } catch (error) {
        if ((error as { status?: number }).status !== LONG_JUMP) {
          this.#failure = new EngineFailure('the backend stopped', { cause: error });
        }
        throw error;
      }
    };
    backend._pq_buffer_remaining_data = () => {
      if (this.#failure) throw this.#failure;
      return remaining();
    };
  }
}

/** COPY … PROGRAM: PGlite throws for a command it does not know, which ends the backend; NULL from popen is an SQL error. */
function refuseCommands(database: PGlite): void {
  const known = database.handleExternalCmd.bind(database);
  database.handleExternalCmd = (command, mode) => {
    try {
      return known(command, mode);
    } catch {
      return 0;
    }
  };
}
