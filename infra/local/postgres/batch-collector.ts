import { type Frame, FramingError } from './frame-reader.ts';
import type { PreparedStatements } from './prepared-statements.ts';
import { flush, replaceStrings, simpleQuery, stringAt } from './protocol-messages.ts';
import { NO_TRAITS, type SqlTraits, sqlTraits, withoutSessionEndingTimeouts } from './sql-traits.ts';

/** Messages that run in one go. */
export interface Batch {
  readonly messages: readonly Buffer[];
  /** What its statements may do to the session. */
  readonly traits: readonly SqlTraits[];
  /** It uses the unnamed statement of an earlier batch: this Parse makes it again if the session has moved on. */
  readonly unnamed: Buffer | undefined;
  /** Afterwards the client is asked for the rows of a COPY, which the next batch replays. */
  readonly asksForCopy: 'text' | 'binary' | undefined;
  /** The rows of a COPY are in it, and the client has already been asked for them. */
  readonly hasCopyData: boolean;
}

const type = (letter: string): number => letter.charCodeAt(0);
const BIND = type('B');
const CLOSE = type('C');
const COPY_DATA = type('d');
const COPY_DONE = type('c');
const COPY_FAIL = type('f');
const DESCRIBE = type('D');
const EXECUTE = type('E');
const FLUSH = type('H');
const FUNCTION_CALL = type('F');
const PARSE = type('P');
const QUERY = type('Q');
const SYNC = type('S');

/** Collects the messages of one connection up to Sync, Flush or a simple Query, under the session's names. */
export class BatchCollector {
  readonly #statements: PreparedStatements;
  readonly #isSuperuser: boolean;
  #messages: Buffer[] = [];
  #traits: SqlTraits[] = [];
  #unnamed: Buffer | undefined;
  #parsedUnnamed = false;
  #copying = false;
  #portalTraits: SqlTraits = NO_TRAITS;

  constructor(statements: PreparedStatements, isSuperuser: boolean) {
    this.#statements = statements;
    this.#isSuperuser = isSuperuser;
  }

  /** Takes one message; gives the batch that it completes. */
  add(frame: Frame): Batch | undefined {
    if (this.#copying) return this.#addToCopy(frame);
    switch (frame.type) {
      case QUERY:
        return this.#addQuery(frame.bytes);
      case PARSE:
        this.#addParse(frame.bytes);
        return undefined;
      case BIND:
        this.#addBind(frame.bytes);
        return undefined;
      case DESCRIBE: {
        const described = this.#statements.describe(frame.bytes);
        if (described.unnamed) this.#useUnnamed();
        this.#messages.push(described.frame);
        return undefined;
      }
      case CLOSE:
        this.#messages.push(this.#statements.close(frame.bytes));
        return undefined;
      case EXECUTE:
        return this.#addExecute(frame.bytes);
      case SYNC:
      case FLUSH:
      case FUNCTION_CALL:
        this.#messages.push(frame.bytes);
        return this.#complete();
      case COPY_DATA:
      case COPY_DONE:
      case COPY_FAIL:
        return undefined; // left over from a COPY that failed, ignored as Postgres does
      default:
        throw new FramingError(`unexpected message type 0x${frame.type.toString(16)}`);
    }
  }

  #addQuery(bytes: Buffer): Batch {
    const sql = stringAt(bytes, 5);
    const traits = sqlTraits(sql);
    const allowed = this.#allowed(sql, traits);
    this.#messages.push(allowed === sql ? bytes : simpleQuery(allowed));
    this.#statements.unnamed = undefined; // a simple query drops it, in Postgres too
    this.#note(traits);
    // The backend can read rows only from the batch itself, so the client is asked for them before the statement runs.
    if (traits.copyIn && allowed === sql) return this.#startCopy(traits.copyIn, []);
    return this.#complete();
  }

  #addParse(bytes: Buffer): void {
    const name = stringAt(bytes, 5);
    const sql = stringAt(bytes, 6 + Buffer.byteLength(name));
    const traits = sqlTraits(sql);
    const allowed = this.#allowed(sql, traits);
    const frame = allowed === sql ? bytes : replaceStrings(bytes, 0, [undefined, allowed]);
    this.#messages.push(this.#statements.parse(frame, traits));
    if (name === '') this.#parsedUnnamed = true;
  }

  #addBind(bytes: Buffer): void {
    const bound = this.#statements.bind(bytes);
    if (bound.unnamed) this.#useUnnamed();
    this.#messages.push(bound.frame);
    this.#portalTraits = bound.traits;
    this.#note(bound.traits, bytes);
  }

  #addExecute(bytes: Buffer): Batch | undefined {
    const { copyIn } = this.#portalTraits;
    if (!copyIn) {
      this.#messages.push(bytes);
      return undefined;
    }
    this.#messages.push(flush());
    return this.#startCopy(copyIn, [bytes]);
  }

  /** What came before the COPY runs now, the COPY itself with its data. */
  #startCopy(format: 'text' | 'binary', copy: Buffer[]): Batch {
    const before = copy.length > 0 ? this.#complete(format) : { ...EMPTY, asksForCopy: format };
    this.#messages.push(...copy);
    this.#copying = true;
    return before;
  }

  #addToCopy(frame: Frame): Batch | undefined {
    if (frame.type === FLUSH || frame.type === SYNC) return undefined;
    if (frame.type !== COPY_DATA && frame.type !== COPY_DONE && frame.type !== COPY_FAIL) {
      throw new FramingError(`unexpected message type 0x${frame.type.toString(16)} during COPY from stdin`);
    }
    this.#messages.push(frame.bytes);
    if (frame.type === COPY_DATA) return undefined;
    this.#copying = false;
    this.#portalTraits = NO_TRAITS;
    return { ...this.#complete(), hasCopyData: true };
  }

  #complete(asksForCopy?: 'text' | 'binary'): Batch {
    const batch = {
      messages: this.#messages,
      traits: this.#traits,
      unnamed: this.#unnamed,
      asksForCopy,
      hasCopyData: false,
    };
    this.#messages = [];
    this.#traits = [];
    this.#unnamed = undefined;
    this.#parsedUnnamed = false;
    return batch;
  }

  #useUnnamed(): void {
    if (!this.#parsedUnnamed) this.#unnamed = this.#statements.unnamed;
  }

  #note(traits: SqlTraits, bind?: Buffer): void {
    if (traits === NO_TRAITS) return;
    // set_config($1, …): the names of custom settings are among the parameters.
    const named = traits.changesSettings && bind ? (bind.toString('latin1').match(/[a-z_]\w*\.[a-z_]\w*/gi) ?? []) : [];
    this.#traits.push(named.length > 0 ? { ...traits, customSettings: [...traits.customSettings, ...named] } : traits);
  }

  /** The statement, or one that fails as it should. */
  #allowed(sql: string, traits: SqlTraits): string {
    if (traits.changesAuthorization && !this.#isSuperuser) {
      return failing('42501', 'permission denied to set session authorization');
    }
    // One session serves every connection: these would drop what the others have prepared.
    if (traits.dropsStatements) {
      return failing('0A000', 'DISCARD ALL and DEALLOCATE ALL are not supported by the local Postgres');
    }
    return withoutSessionEndingTimeouts(sql);
  }
}

const EMPTY: Batch = { messages: [], traits: [], unnamed: undefined, asksForCopy: undefined, hasCopyData: false };

function failing(code: string, text: string): string {
  return `DO $refused$ BEGIN RAISE EXCEPTION USING ERRCODE = '${code}', MESSAGE = '${text}'; END $refused$`;
}
