import { closeStatement, replaceStrings, stringAt, sync } from './protocol-messages.ts';
import { NO_TRAITS, type SqlTraits } from './sql-traits.ts';

interface PreparedStatement {
  readonly internalName: string;
  readonly traits: SqlTraits;
}

/**
 * The named statements of one connection. All connections share one backend session, so each name is translated to one
 * that no other connection has. Internal names are short, because Postgres compares only the first 63 bytes.
 */
export class PreparedStatements {
  readonly #prefix: string;
  readonly #byName = new Map<string, PreparedStatement>();
  #created = 0;
  /** The unnamed statement lasts until the next Parse, but another connection's turn overwrites it. */
  unnamed: Buffer | undefined;
  #unnamedTraits: SqlTraits = NO_TRAITS;

  constructor(connectionId: number) {
    this.#prefix = `connection ${connectionId} statement `;
  }

  /** A Parse message under its internal name. */
  parse(frame: Buffer, traits: SqlTraits): Buffer {
    const name = stringAt(frame, 5);
    if (name === '') {
      this.unnamed = frame;
      this.#unnamedTraits = traits;
      return frame;
    }
    const internalName = this.#byName.get(name)?.internalName ?? this.#prefix + ++this.#created;
    this.#byName.set(name, { internalName, traits });
    return replaceStrings(frame, 0, [internalName]);
  }

  /** A Bind message for the internal name, and what the statement does. */
  bind(frame: Buffer): { frame: Buffer; traits: SqlTraits; unnamed: boolean } {
    const portal = stringAt(frame, 5);
    const name = stringAt(frame, 6 + Buffer.byteLength(portal));
    if (name === '') return { frame, traits: this.#unnamedTraits, unnamed: true };
    const traits = this.#byName.get(name)?.traits ?? NO_TRAITS;
    return { frame: replaceStrings(frame, 0, [undefined, this.#internal(name)]), traits, unnamed: false };
  }

  /** A Describe message; portals keep their names, for they live no longer than the turn. */
  describe(frame: Buffer): { frame: Buffer; unnamed: boolean } {
    const name = stringAt(frame, 6);
    if (frame[5] !== 'S'.charCodeAt(0)) return { frame, unnamed: false };
    return name === ''
      ? { frame, unnamed: true }
      : { frame: replaceStrings(frame, 1, [this.#internal(name)]), unnamed: false };
  }

  /** A Close message; a closed name may be prepared anew. */
  close(frame: Buffer): Buffer {
    const name = stringAt(frame, 6);
    if (frame[5] !== 'S'.charCodeAt(0) || name === '') return frame;
    const internal = this.#internal(name);
    this.#byName.delete(name);
    return replaceStrings(frame, 1, [internal]);
  }

  /** Messages that drop whatever this connection prepared; undefined when there is nothing. */
  closeAll(): Buffer | undefined {
    if (this.#byName.size === 0) return undefined;
    const closes = [...this.#byName.values()].map(({ internalName }) => closeStatement(internalName));
    this.#byName.clear();
    return Buffer.concat([...closes, sync()]);
  }

  #internal(name: string): string {
    return this.#byName.get(name)?.internalName ?? `${this.#prefix}"${name}"`;
  }
}
