import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

class HandlerError extends Error {
  constructor(errorType: string, message: string) {
    super(message);
    this.name = errorType;
  }
}

/** Imports `handler` (`http/api.handler`) from the code directory and gives the exported function. */
export async function loadHandler(codeDirectory: string, handler: string): Promise<(...values: never[]) => unknown> {
  const dot = handler.lastIndexOf('.');
  const [module, name] = [handler.slice(0, dot), handler.slice(dot + 1)];
  const file = ['.mjs', '.js', '.cjs'].map((ending) => join(codeDirectory, `${module}${ending}`)).find(existsSync);
  if (file === undefined) throw new HandlerError('Runtime.ImportModuleError', `Error: Cannot find module '${module}'`);
  const exports = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const exported = exports[name] ?? (exports.default as Record<string, unknown> | undefined)?.[name];
  if (typeof exported !== 'function') {
    throw new HandlerError('Runtime.HandlerNotFound', `${handler} is undefined or not exported`);
  }
  return exported as (...values: never[]) => unknown;
}
