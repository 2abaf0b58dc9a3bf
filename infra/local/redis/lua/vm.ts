import { LuaFactory, type LuaWasm } from 'wasmoon';

/** Lua's own numbers of types and return codes. */
export const LuaType = { nil: 0, boolean: 1, lightUserdata: 2, number: 3, string: 4, table: 5 } as const;
const OK = 0;
const REGISTRY_INDEX = -1_001_000;
const HOOK_EVERY_COUNT = 8;
const INSTRUCTIONS_BETWEEN_HOOKS = 100_000;

/** The raw exports: wasmoon's wrappers turn strings into UTF-16 and back, which is not binary-safe. */
interface RawExports {
  _lua_pushlstring(state: number, bytes: number, length: number): number;
  _lua_tolstring(state: number, index: number, lengthPointer: number): number;
  _lua_pushcclosure(state: number, callback: number, upvalues: number): void;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  addFunction(callback: (...args: number[]) => number | undefined, signature: string): number;
  removeFunction(pointer: number): void;
  HEAPU8: Uint8Array;
  HEAPU32: Uint32Array;
}

/** A Lua state with byte strings: what the scripts need of the C API, and nothing that converts text. */
export class LuaVm {
  readonly api: LuaWasm;
  readonly state: number;
  readonly #raw: RawExports;
  readonly #lengthPointer: number;
  readonly #functions: number[] = [];
  #hook = 0;

  static async create(): Promise<LuaVm> {
    const api = await new LuaFactory().getLuaModule();
    return new LuaVm(api);
  }

  private constructor(api: LuaWasm) {
    this.api = api;
    this.#raw = api.module as unknown as RawExports;
    printWholeFloatsPlainly(this.#raw);
    this.#lengthPointer = this.#raw._malloc(4);
    this.state = api.luaL_newstate();
    api.luaL_openlibs(this.state);
  }

  close(): void {
    this.api.lua_close(this.state);
    for (const pointer of this.#functions) this.#raw.removeFunction(pointer);
    this.#raw._free(this.#lengthPointer);
  }

  pushBytes(bytes: Uint8Array): void {
    const pointer = this.#raw._malloc(Math.max(1, bytes.length));
    this.#raw.HEAPU8.set(bytes, pointer);
    this.#raw._lua_pushlstring(this.state, pointer, bytes.length);
    this.#raw._free(pointer);
  }

  /** A copy of the string at the index; the index must hold a string or, in place converted, a number. */
  bytesAt(index: number): Buffer {
    const pointer = this.#raw._lua_tolstring(this.state, index, this.#lengthPointer);
    const length = this.#raw.HEAPU32[this.#lengthPointer >> 2] as number;
    return Buffer.from(this.#raw.HEAPU8.slice(pointer, pointer + length).buffer);
  }

  /** Pushes a function that scripts may call; it returns how many results it has pushed. It must not throw. */
  pushFunction(callback: () => number): void {
    const pointer = this.#raw.addFunction(() => callback(), 'ii');
    this.#functions.push(pointer);
    this.#raw._lua_pushcclosure(this.state, pointer, 0);
  }

  /** Calls the function below its arguments on the stack; throws an Error with Lua's message. */
  call(argumentCount: number, resultCount: number): void {
    if (this.api.lua_pcallk(this.state, argumentCount, resultCount, 0, 0, null) === OK) return;
    const isText = (this.api.lua_type(this.state, -1) as number) === LuaType.string;
    const message = isText ? this.bytesAt(-1).toString() : 'error without a message';
    this.api.lua_settop(this.state, -2);
    throw new Error(message);
  }

  /** Loads a chunk of our own; its function is on the stack afterwards. */
  loadChunk(source: string, name: string): void {
    const bytes = Buffer.from(source);
    const pointer = this.#raw._malloc(bytes.length);
    this.#raw.HEAPU8.set(bytes, pointer);
    const code = this.api.luaL_loadbufferx(this.state, pointer, bytes.length, `@${name}`, 't');
    this.#raw._free(pointer);
    if (code !== OK) throw new Error(this.bytesAt(-1).toString());
  }

  /** Keeps the value on top of the stack; pushReference brings it back. */
  takeReference(): number {
    return this.api.luaL_ref(this.state, REGISTRY_INDEX);
  }

  pushReference(reference: number): void {
    this.api.lua_rawgeti(this.state, REGISTRY_INDEX, BigInt(reference));
  }

  dropReference(reference: number): void {
    this.api.luaL_unref(this.state, REGISTRY_INDEX, reference);
  }

  /**
   * Raises an error in whatever runs when `isOver` says so, asked every 100,000 instructions. From then on it is raised at
   * every instruction, so that a script cannot catch it and go on; `rearmInterrupt` ends that.
   */
  interruptWhen(isOver: () => boolean, message: string): void {
    this.#hook = this.#raw.addFunction((state) => {
      if (!isOver()) return undefined;
      this.api.lua_sethook(state as number, this.#hook, HOOK_EVERY_COUNT, 1);
      this.api.lua_pushstring(state as number, message);
      return this.api.lua_error(state as number);
    }, 'vii');
    this.#functions.push(this.#hook);
    this.rearmInterrupt();
  }

  rearmInterrupt(): void {
    this.api.lua_sethook(this.state, this.#hook, HOOK_EVERY_COUNT, INSTRUCTIONS_BETWEEN_HOOKS);
  }
}

/**
 * Lua 5.4 prints the float 3 as "3.0", also in `..`, where no metamethod can step in; 5.1 prints "3". The VM decides by
 * `strspn(text, "-0123456789")`: with that constant emptied in the VM's memory, no float looks like an integer to it.
 */
function printWholeFloatsPlainly(raw: RawExports): void {
  const marker = Buffer.from('\0-0123456789\0', 'latin1');
  const memory = Buffer.from(raw.HEAPU8.buffer, raw.HEAPU8.byteOffset, raw.HEAPU8.byteLength);
  const position = memory.indexOf(marker);
  if (position < 0 || memory.indexOf(marker, position + 1) >= 0) {
    throw new Error('this build of wasmoon is not the one whose number format is known: 1.16.0 is');
  }
  raw.HEAPU8[position + 1] = 0;
}
