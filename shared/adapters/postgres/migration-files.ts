import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface MigrationFile {
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the file as it is written, in hex: settings are filled in later and do not count. */
  readonly checksum: string;
  /** False for statements that cannot run inside one (CREATE INDEX CONCURRENTLY), or that lock too much in one. See `runStatements`. */
  readonly transactional: boolean;
}

const outsideTransaction = '-- migrate: outside a transaction';

/** Every `0001-….sql` of the directory, in order. Two files of one number would run in an order that nobody chose. */
export async function readMigrations(directory: string): Promise<readonly MigrationFile[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const numbers = new Set<string>();
  for (const name of names) {
    const number = /^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$/.exec(name)?.[1];
    if (number === undefined) throw new Error(`${name}: a migration is named 0001-what-it-is-for.sql`);
    if (numbers.has(number)) throw new Error(`two migrations have the number ${number}`);
    numbers.add(number);
  }
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(directory, name), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return { name, sql, checksum, transactional: !sql.startsWith(outsideTransaction) };
    }),
  );
}

/** Fills `${name}` in. Settings are whole numbers and nothing else, so there is nothing to quote. */
export function fillSettings(file: MigrationFile, settings: Readonly<Record<string, number>>): string {
  return file.sql.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = settings[name];
    if (value === undefined || !Number.isSafeInteger(value)) throw new Error(`${file.name}: no setting ${name}`);
    return String(value);
  });
}
