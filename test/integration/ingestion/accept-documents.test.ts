import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Db } from '../../../shared/core/database.ts';
import { acceptDocuments } from '../../../shared/ingestion/accept-documents.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createWorkspace } from '../../support/database-content.ts';

let test: TestDatabase;
let workspaceId: string;
let collectionId: string;

beforeAll(async () => {
  test = await createTestDatabase();
  workspaceId = (await createWorkspace(test.application)).id;
  collectionId = await createCollection(test.application, workspaceId);
});
afterAll(() => test.close());

const atOnce = 50;

function accept(db: Db, first: number): Promise<unknown> {
  const documents = Array.from({ length: atOnce }, (_, i) => ({
    ...{ collectionId, name: 'x.txt', contentType: 'text/plain', bytes: 4, sourceUri: `source-${first + i}` },
    ...{ priority: 'default' as const, object: { key: `content/${randomUUID()}`, versionId: null } },
  }));
  return acceptDocuments(db, { workspaceId, createdBy: 'test', now: new Date(), status: 'queued', documents });
}

interface Plan {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Plan[];
}

/** Rows that all nodes of a plan gave, over all of their loops. */
const rowsOf = (plan: Plan): number =>
  plan['Actual Rows'] * plan['Actual Loops'] + (plan.Plans ?? []).reduce((sum, each) => sum + rowsOf(each), 0);

/** What the lock of known sources goes through, in tables that were never analysed. */
function rowsLookedAt(first: number): Promise<number> {
  return test.application.inWorkspace({ workspaceId }, async (db) => {
    let rows = 0;
    await accept(
      {
        query: async <Row>(text: string, values: readonly unknown[] = []) => {
          if (text.includes('FOR UPDATE') && text.includes('source_uri')) {
            const explained = await db.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
              `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`,
              values,
            );
            rows += rowsOf(explained.rows[0]?.['QUERY PLAN'][0]?.Plan as Plan);
          }
          return db.query<Row>(text, values);
        },
      },
      first,
    );
    return rows;
  });
}

it('locking the sources of a batch costs what the batch is, however many documents a load has brought', async () => {
  for (let first = 0; first < 8 * atOnce; first += atOnce)
    await test.application.inWorkspace({ workspaceId }, (db) => accept(db, first));
  const [unknown, known] = [await rowsLookedAt(1_000), await rowsLookedAt(0)];
  // Each source and its document a few times; the join that this was went through all sources for each document.
  expect(unknown).toBeGreaterThanOrEqual(atOnce);
  expect(unknown).toBeLessThanOrEqual(8 * atOnce);
  expect(known).toBeGreaterThanOrEqual(3 * atOnce);
  expect(known).toBeLessThanOrEqual(8 * atOnce);
});
