import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { servePglite } from '../../infra/local/postgres/wire-server.ts';
import type { DatabaseServer, Template } from './database-server.ts';

const superuserPassword = 'superuser-password';

/** PGlite in this process behind the wire server, from a dump of the template: 1 s instead of 4. */
export async function startEmbeddedDatabase(template: Template | undefined): Promise<DatabaseServer> {
  const database = await PGlite.create({
    extensions: { vector },
    ...(template ? { loadDataDir: new Blob([await dumpOf(template)]) } : {}),
  });
  if (!template) await setPassword(database);
  const server = await servePglite(database);
  return {
    adminUrl: server.url('postgres', superuserPassword, 'postgres'),
    native: false,
    remove: async () => {
      await server.close();
      await database.close();
    },
  };
}

/** Kept among the temporary files under the hash of what it was made from; written aside and renamed, so never half. */
async function dumpOf(template: Template): Promise<Buffer> {
  const path = join(tmpdir(), `${template.name}.tar`);
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const database = await PGlite.create({ extensions: { vector } });
  await setPassword(database);
  const server = await servePglite(database);
  try {
    await template.build(server.url('postgres', superuserPassword, 'postgres'));
  } finally {
    await server.close();
  }
  const dump = Buffer.from(await (await database.dumpDataDir('none')).arrayBuffer());
  await database.close();
  const aside = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(aside, dump);
  await rename(aside, path);
  return dump;
}

const setPassword = (database: PGlite) => database.exec(`ALTER ROLE postgres PASSWORD '${superuserPassword}'`);
