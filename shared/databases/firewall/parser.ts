import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { Refusal } from './refusal.ts';

/** One node of the tree as JSON: its type is the only key of the object that wraps it. */
export type Tree = Readonly<Record<string, unknown>>;

export interface ParsedStatement {
  /** The only key is the type of the statement. */
  readonly statement: Tree;
  /** Where its text begins and ends, in bytes. Locations inside the statement count from the beginning of the whole text. */
  readonly from: number;
  readonly to: number;
}

interface ParserModule {
  _malloc(bytes: number): number;
  _free(at: number): void;
  _wasm_parse_query_raw(text: number): number;
  _wasm_free_parse_result(result: number): void;
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, at: number, bytes: number): void;
  UTF8ToString(at: number): string;
  getValue(at: number, type: 'i32'): number;
}

type CreateModule = (options: {
  instantiateWasm(
    imports: unknown,
    done: (instance: WebAssembly.Instance, compiled: WebAssembly.Module) => void,
  ): unknown;
}) => Promise<ParserModule>;

/** Postgres 17's own grammar. Compiled once a process, when the first statement comes: nothing else needs it. */
export class SqlParser {
  private module: ParserModule;
  private readonly instantiate: () => Promise<ParserModule>;
  private renewal: Promise<void> | null = null;

  private constructor(module: ParserModule, instantiate: () => Promise<ParserModule>) {
    this.module = module;
    this.instantiate = instantiate;
  }

  static async load(): Promise<SqlParser> {
    const [{ default: create }, bytes] = await Promise.all([
      import('libpg-query/wasm/libpg-query.js') as Promise<{ default: CreateModule }>,
      readFile(parserFile()),
    ]);
    const compiled = await WebAssembly.compile(bytes);
    const instantiate = () =>
      create({
        instantiateWasm(imports, done) {
          const instance = new WebAssembly.Instance(compiled, imports);
          done(instance, compiled);
          return instance.exports;
        },
      });
    return new SqlParser(await instantiate(), instantiate);
  }

  /** To be awaited before `parse`: after a statement that broke the parser there is a new one. */
  async ready(): Promise<this> {
    await this.renewal;
    return this;
  }

  /**
   * @param sql well-formed, without NUL, where the parser would stop
   * @throws Refusal `syntax`, or `depth` for what is nested deeper than the parser's stack
   */
  parse(sql: string): ParsedStatement[] {
    if (this.renewal) throw new Refusal('syntax', 'The statement could not be read; try it again.');
    const { stmts = [] } = this.parseTree(sql) as {
      stmts?: { stmt?: Tree; stmt_location?: number; stmt_len?: number }[];
    };
    const bytes = Buffer.byteLength(sql);
    return stmts.map(({ stmt = {}, stmt_location: from = 0, stmt_len: length = bytes - from }) => ({
      statement: stmt,
      from,
      to: from + length,
    }));
  }

  private parseTree(sql: string): unknown {
    try {
      return JSON.parse(this.parseText(sql));
    } catch (error) {
      if (error instanceof Refusal) throw error;
      // Its memory is in no known state: nothing of it is used again.
      this.renewal = this.renew();
      throw new Refusal('depth', 'The statement is nested too deeply to be read; write it in fewer levels.');
    }
  }

  private async renew(): Promise<void> {
    this.module = await this.instantiate();
    this.renewal = null;
  }

  private parseText(sql: string): string {
    const { module } = this;
    const bytes = module.lengthBytesUTF8(sql) + 1;
    const text = module._malloc(bytes);
    module.stringToUTF8(sql, text, bytes);
    const result = module._wasm_parse_query_raw(text);
    // struct { char *tree; char *output; struct { char *message; … } *error; }
    const error = module.getValue(result + 8, 'i32');
    const read = module.UTF8ToString(module.getValue(error || result, 'i32'));
    module._wasm_free_parse_result(result);
    module._free(text);
    if (error) throw new Refusal('syntax', `Postgres cannot read the statement: ${read}.`);
    return read;
  }
}

let loading: Promise<SqlParser> | undefined;

/** The parser of this process. A load that failed is tried again by the next who asks. */
export async function sqlParser(): Promise<SqlParser> {
  loading ??= SqlParser.load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return (await loading).ready();
}

/** Run from source, it is in its package; in the bundle, in a directory beside that of any handler or chunk. */
function parserFile(): string | URL {
  return import.meta.url.endsWith('.ts')
    ? createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm')
    : new URL('../sql-parser/libpg-query.wasm', import.meta.url);
}
