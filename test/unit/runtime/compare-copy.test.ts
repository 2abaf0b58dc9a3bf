import { expect, it } from 'vitest';
import { compareDrillsCopy, hostOfDrill } from '../../../functions/runtime/compare-copy.ts';
import { deployFunction } from '../../../functions/runtime/deploy-function.ts';
import type { CopyPlace } from '../../../shared/ingestion/compare-copy.ts';

it('reaches the drill’s cluster of the stage, and no host that somebody names', async () => {
  expect(hostOfDrill('dbrag-production.cluster-abc123.eu-central-1.rds.amazonaws.com')).toBe(
    'dbrag-production-drill.cluster-abc123.eu-central-1.rds.amazonaws.com',
  );
  for (const event of [null, {}, { compare: 'evil.example.com', moment: '2026-11-25T10:00:00Z', place: null }])
    await expect(compareDrillsCopy(event)).rejects.toThrow();
});

const id = '0199b1c2-0000-7000-8000-000000000001';
const counted = { rows: 7, upTo: [id, '3'], isDone: false };
it.each([
  { of: 'documents', upTo: id },
  { of: 'counts', counts: null },
  { of: 'counts', counts: { table: 'dbrag.chunks', source: counted, copy: { rows: 9, upTo: null, isDone: true } } },
  { of: 'integrity', upTo: null, atOnce: 25 },
  { of: 'trail', trail: null },
  { of: 'trail', trail: { of: 'chain', workspaceId: '00000000-0000-0000-0000-000000000000', seal: null } },
  {
    of: 'trail',
    trail: { of: 'chain', workspaceId: id, seal: { number: 3, hash: 'ab', sealedAt: new Date(0).toISOString() } },
  },
] satisfies CopyPlace['rest'][])('goes on with what a call before left: %j', async (rest) => {
  // It gets as far as to ask where the database is.
  await expect(
    compareDrillsCopy({ compare: 'drill', moment: '2026-11-25T10:00:00Z', place: { workspaceId: id, rest } }),
  ).rejects.not.toHaveProperty('issues');
  await expect(
    compareDrillsCopy({
      compare: 'drill',
      moment: '2026-11-25T10:00:00Z',
      place: { workspaceId: id, rest: { ...rest, of: 'x' } },
    }),
  ).rejects.toHaveProperty('issues');
});

it('a deploy function answers an operator itself, and does no work of CloudFormation’s for one', async () => {
  const done: string[] = [];
  const handler = deployFunction(
    async () => {
      done.push('work');
      return {};
    },
    async (event) => ({ answered: event }),
  );
  const context = { awsRequestId: '1', functionName: 'migrate', logStreamName: 'stream' };
  const call = handler as unknown as (event: object, context: object) => Promise<unknown>;
  expect(await call({ compare: 'drill' }, context)).toEqual({ answered: { compare: 'drill' } });
  expect(done).toEqual([]);
  expect(await call({ RequestType: 'Create', LogicalResourceId: 'Run' }, context)).toMatchObject({ Status: 'SUCCESS' });
  expect(done).toEqual(['work']);
});
