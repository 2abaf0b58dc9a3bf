import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Db } from '../../../shared/core/database.ts';
import { findCandidates } from '../../../shared/ingestion/find-candidates.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { createCollection, createDocument, createWorkspace, testModel } from '../../support/database-content.ts';

const texts = 3_000;
let test: TestDatabase;
let workspaceId: string;

beforeAll(async () => {
  test = await createTestDatabase({ partitions: 1 });
  workspaceId = (await createWorkspace(test.application)).id;
  const collectionId = await createCollection(test.application, workspaceId);
  const documentId = await createDocument(test.application, workspaceId, collectionId, { name: 'x', chunks: [] });
  // What the planner knows is of before the load, as it is while one runs: that a workspace has a text or two.
  await test.admin.query(`
    BEGIN; SET LOCAL session_replication_role = replica;
    INSERT INTO dbrag.chunks (workspace_id, document_id, content_hash, collection_id, token_count, text, search)
      SELECT gen_random_uuid(), gen_random_uuid(), sha256(n::text::bytea), gen_random_uuid(), 1, 'Text', '' FROM generate_series(1, 500) n;
    COMMIT; ANALYZE dbrag.chunks`);
  await test.admin.query(
    `WITH made AS (
       INSERT INTO dbrag.chunks (workspace_id, document_id, content_hash, collection_id, token_count, text, search)
       SELECT $1, $2, sha256(n::text::bytea), $3, 1, 'Text ' || n, ''::tsvector FROM generate_series(1, $4::int) n
       RETURNING content_hash
     )
     INSERT INTO dbrag.pending_embeddings (workspace_id, document_id, content_hash, model, collection_id, priority, token_count)
     SELECT $1, $2, content_hash, $5, $3, 'default', 1 FROM made`,
    [workspaceId, documentId, collectionId, texts, testModel],
  );
});
afterAll(() => test?.close());

interface Plan {
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Join Filter'?: number;
  readonly 'Relation Name'?: string;
  readonly 'Node Type': string;
  readonly Plans?: readonly Plan[];
}

const nodesOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
/** Rows that a node went through, over all of its loops. */
const rowsOf = (node: Plan): number =>
  node['Actual Loops'] *
  (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0));

it('sizing the texts of a lease looks at each of them once, by the index, whatever the planner knows of the pool', async () => {
  const plans: Plan[] = [];
  const candidates = await test.application.inWorkspace({ workspaceId }, (db) => {
    const explaining: Db = {
      query: async <Row>(text: string, values: readonly unknown[] = []) => {
        const { rows } = await db.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
          `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`,
          values,
        );
        plans.push(rows[0]?.['QUERY PLAN'][0]?.Plan as Plan);
        return db.query<Row>(text, values);
      },
    };
    return findCandidates(
      explaining,
      { workspaceId, model: testModel, priority: 'default' },
      {
        documentIds: [randomUUID()],
        maximumRequests: 1,
        leaseSeconds: 60,
        leasedBy: randomUUID(),
        limits: { maximumInputs: 2_047, maximumTokensPerRequest: 1_000_000 } as never,
      },
    );
  });
  expect(candidates).toHaveLength(2_048);
  expect(candidates.every(({ bytes }) => bytes > 0)).toBe(true);
  const looks = plans.flatMap(nodesOf).filter((node) => node['Relation Name']?.startsWith('chunks'));
  expect(looks.map((node) => node['Node Type'])).toEqual(['Index Scan']);
  expect(looks.map((node) => node['Actual Loops'])).toEqual([2_048]);
  expect(looks.reduce((sum, node) => sum + rowsOf(node), 0)).toBe(2_048);
  // And everything else a few times: no join goes through the pool for each of its texts.
  expect(plans.flatMap(nodesOf).reduce((sum, node) => sum + rowsOf(node), 0)).toBeLessThan(10 * texts);
});
