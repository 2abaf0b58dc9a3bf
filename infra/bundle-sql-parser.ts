import { cp, mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const parser = createRequire(import.meta.url).resolve('libpg-query/wasm/libpg-query.wasm');

/** Puts the grammar of Postgres beside the code: it is compiled when the first statement is checked, and is no JavaScript. */
export async function bundleSqlParser(directory: string): Promise<void> {
  await mkdir(join(directory, 'sql-parser'), { recursive: true });
  await cp(parser, join(directory, 'sql-parser', 'libpg-query.wasm'));
}
