import { expect, it } from 'vitest';
import { compareDrillsCopy, hostOfDrill } from '../../../functions/runtime/compare-copy.ts';
import { deployFunction } from '../../../functions/runtime/deploy-function.ts';

it('reaches the drill’s cluster of the stage, and no host that somebody names', async () => {
  expect(hostOfDrill('dbrag-production.cluster-abc123.eu-central-1.rds.amazonaws.com')).toBe(
    'dbrag-production-drill.cluster-abc123.eu-central-1.rds.amazonaws.com',
  );
  for (const event of [null, {}, { compare: 'evil.example.com', moment: '2026-11-25T10:00:00Z', place: null }])
    await expect(compareDrillsCopy(event)).rejects.toThrow();
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
