import { describe, expect, it } from 'vitest';
import { drill } from '../../../infra/deploy/drill.ts';
import { small } from '../../../infra/stages.ts';
import { type Answers, awsError, stubAccount } from '../../support/stub-account.ts';

const source = {
  DBClusterIdentifier: 'dbrag-small',
  Status: 'available',
  DBSubnetGroup: 'subnets',
  DBClusterParameterGroup: 'parameters',
  VpcSecurityGroups: [{ VpcSecurityGroupId: 'sg-1' }],
  ServerlessV2ScalingConfiguration: { MinCapacity: 0, MaxCapacity: 2 },
  EarliestRestorableTime: new Date('2026-11-22T00:00:00Z'),
  LatestRestorableTime: new Date(Date.now() - 240_000),
};

/** A region with the database of the stage, in which copies come up when they were looked at three times. */
function region(changes: Answers = {}, clusters: Record<string, object> = { 'dbrag-small': source }) {
  const instances: Record<string, number> = {};
  const looks: Record<string, number> = {};
  const stub = stubAccount({
    DescribeDBClusters: ({ DBClusterIdentifier: id }) => {
      if (!clusters[id]) return awsError('DBClusterNotFoundFault');
      looks[id] = (looks[id] ?? 0) + 1;
      const Status = id === 'dbrag-small' || looks[id] >= 3 ? 'available' : 'creating';
      return { DBClusters: [{ ...clusters[id], Status, Endpoint: `${id}.example.com` }] };
    },
    RestoreDBClusterToPointInTime: ({ DBClusterIdentifier }) => {
      clusters[DBClusterIdentifier] = {};
      return {};
    },
    DescribeDBInstances: ({ DBInstanceIdentifier: id }) => {
      if (instances[id] === undefined) return awsError('DBInstanceNotFoundFault');
      instances[id] += 1;
      return { DBInstances: [{ DBInstanceStatus: instances[id] >= 3 ? 'available' : 'creating' }] };
    },
    CreateDBInstance: ({ DBInstanceIdentifier }) => {
      instances[DBInstanceIdentifier] = 0;
      return {};
    },
    DeleteDBInstance: () => ({}),
    DeleteDBCluster: () => ({}),
    ...changes,
  });
  const waiting = { sleep: async () => undefined, tell: () => undefined };
  const run = (options: { at?: Date; keep?: boolean } = {}) =>
    drill({ clients: stub.clients, stage: small, at: options.at, keep: options.keep ?? false, waiting });
  return { ...stub, run };
}

describe('a restore drill', () => {
  it('restores beside the database, where it stands, sees it come up, and deletes the copy and nothing else', async () => {
    const { run, sent } = region();
    const result = await run();
    expect(result).toMatchObject({ endpoint: 'dbrag-small-drill.example.com', kept: false });
    expect(result.seconds).toBeGreaterThan(0);
    expect(result.behindSeconds).toBeGreaterThanOrEqual(240);
    expect(result.behindSeconds).toBeLessThan(300);
    expect(sent.find(([name]) => name === 'RestoreDBClusterToPointInTime')?.[1]).toMatchObject({
      SourceDBClusterIdentifier: 'dbrag-small',
      UseLatestRestorableTime: true,
      DBSubnetGroupName: 'subnets',
      VpcSecurityGroupIds: ['sg-1'],
      DBClusterParameterGroupName: 'parameters',
    });
    const deleted = sent.filter(([name]) => name.startsWith('Delete')).map(([, input]) => Object.values(input)[0]);
    expect(deleted).toEqual(['dbrag-small-drill-writer', 'dbrag-small-drill']);
  });

  it('goes to the moment that was named, and leaves the copy where that was asked for', async () => {
    const { run, sent } = region();
    const at = new Date('2026-11-25T10:00:00Z');
    expect(await run({ at, keep: true })).toMatchObject({ restoredTo: at, kept: true });
    expect(sent.find(([name]) => name === 'RestoreDBClusterToPointInTime')?.[1]).toMatchObject({ RestoreToTime: at });
    expect(sent.filter(([name]) => name.startsWith('Delete'))).toEqual([]);
  });

  it('goes on with a copy that is there already', async () => {
    const { run, sent } = region({}, { 'dbrag-small': source, 'dbrag-small-drill': {} });
    await run();
    expect(sent.filter(([name]) => name === 'RestoreDBClusterToPointInTime')).toEqual([]);
    expect(sent.filter(([name]) => name === 'CreateDBInstance')).toHaveLength(1);
  });

  it('says what stands in the way', async () => {
    await expect(region({}, {}).run()).rejects.toThrow('There is no database dbrag-small in eu-central-1.');
    await expect(region().run({ at: new Date('2026-11-01T00:00:00Z') })).rejects.toThrow(
      'Backups reach back to 2026-11-22T00:00:00.000Z',
    );
    const stuck = region({ DescribeDBInstances: () => ({ DBInstances: [{ DBInstanceStatus: 'creating' }] }) });
    await expect(stuck.run()).rejects.toThrow('dbrag-small-drill-writer is not available after two hours');
  });
});
