/** The package types only what it exports itself; its WebAssembly module takes these. */
declare module 'libpg-query/wasm/libpg-query.js';

/** Types of Node do not name these; those of browsers, which do, would bring a whole browser. */
declare namespace WebAssembly {
  type Module = object;
  class Instance {
    constructor(compiled: Module, imports: unknown);
    readonly exports: unknown;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
}
