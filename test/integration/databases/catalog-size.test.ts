import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../shared/core/clock.ts';
import { listTables, mostTables } from '../../../shared/databases/list-tables.ts';
import { refreshCatalog } from '../../../shared/databases/refresh-catalog.ts';
import { CatalogWorld } from './catalog-world.ts';

describe('a catalog of very many tables', () => {
  let world: CatalogWorld;
  beforeAll(async () => {
    world = await CatalogWorld.start();
  }, 90_000);
  afterAll(() => world?.close());

  it.each([
    [mostTables, false],
    [mostTables + 1, true],
  ])('of %i says whether some are left out: %s', async (count, leftOut) => {
    const connection = await world.connect({ name: `shop ${count}` });
    const listed = Array.from({ length: count }, (_, n) => ({
      schema: 'public',
      table: `table_${n}`,
      name: `public.table_${n}`,
      kind: 'table',
      row_estimate: 1,
      fingerprint: `${n}`,
    }));
    const session = { query: async () => listed };
    const jobId = await world.beginRefresh(connection);
    const client = {
      examine: async () => ({ server_version: '17' }),
      listTables: () => listTables(session as never, { schemas: null, include: [], exclude: [] }),
    };
    const ports = { database: world.database.application, queue: world.queue, clock: systemClock, client };
    await refreshCatalog(ports as never, world.workspaceId, jobId, () => 60_000);
    const { rows } = await world.database.admin.query('SELECT input FROM dbrag.jobs WHERE id = $1', [jobId]);
    expect(rows[0]?.input).toMatchObject({ tables: mostTables, left_out: leftOut });
  });
});
