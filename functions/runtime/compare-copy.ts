import * as z from 'zod/mini';
import { createPostgresDatabase } from '../../shared/adapters/postgres/database.ts';
import { createSecretReader } from '../../shared/adapters/secrets/secret-reader.ts';
import { systemClock } from '../../shared/core/clock.ts';
import { readMigrationConfig } from '../../shared/core/config.ts';
import { type CopyReport, compareCopy } from '../../shared/ingestion/compare-copy.ts';
import { connectionTo } from './connect-database.ts';

const uuid = z.uuid();
const counted = z.object({ rows: z.int(), upTo: z.nullable(z.array(z.string())), isDone: z.boolean() });
const counts = z.object({ table: z.string(), source: counted, copy: counted });
const seal = z.object({ number: z.int(), hash: z.string(), sealedAt: z.nullable(z.iso.datetime()) });
const trail = z.discriminatedUnion('of', [
  z.object({ of: z.literal('chain'), workspaceId: uuid, seal: z.nullable(seal) }),
  z.object({ of: z.literal('roots'), after: z.nullable(z.string()) }),
]);
const rest = z.discriminatedUnion('of', [
  z.object({ of: z.literal('documents'), upTo: uuid }),
  z.object({ of: z.literal('counts'), counts: z.nullable(counts) }),
  z.object({ of: z.literal('integrity'), upTo: z.nullable(uuid), atOnce: z.int().check(z.positive()) }),
  z.object({ of: z.literal('trail'), trail: z.nullable(trail) }),
]);
/** The request of a restore drill: how its copy compares, page by page. */
const question = z.object({
  compare: z.literal('drill'),
  moment: z.iso.datetime(),
  place: z.nullable(z.object({ workspaceId: uuid, rest: z.nullable(rest) })),
});

/** Time limit of one call: the caller continues with another, so that no connection has to last long. */
const millisecondsOfCall = 60_000;
/** Time limit of one statement: a document may have very many texts. */
const queryTimeoutMillis = 300_000;

/** @throws Error for anything but the question, or where the copy cannot be reached as its moment's maintainer */
export async function compareDrillsCopy(event: unknown): Promise<CopyReport> {
  const { moment, place } = z.parse(question, event);
  const { database, maintainerSecretArn } = readMigrationConfig();
  const secrets = createSecretReader(systemClock);
  const open = (host: string) =>
    createPostgresDatabase({
      ...connectionTo({ ...database, host, secretArn: maintainerSecretArn }, 'dbrag_maintainer', secrets),
      queryTimeoutMillis,
    });
  const [source, copy] = [open(database.host), open(hostOfDrill(database.host))];
  const ends = Date.now() + millisecondsOfCall;
  try {
    const ports = { source, copy, moment: new Date(moment) };
    return await compareCopy(ports, place, () => Date.now() < ends);
  } finally {
    await Promise.all([source.close(), copy.close()]);
  }
}

/** Nobody names a host: the drill gives its cluster the name of the stage's with this behind it, and endpoints are made of names. */
export function hostOfDrill(host: string): string {
  const [cluster, ...rest] = host.split('.');
  return [`${cluster}-drill`, ...rest].join('.');
}
