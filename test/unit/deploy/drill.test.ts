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

type Row = Record<string, unknown>;
const tagged = (moment: string, kept = 'no') => ({
  TagList: [
    { Key: 'purpose', Value: 'restore drill' },
    { Key: 'moment', Value: moment },
    { Key: 'kept', Value: kept },
  ],
});

const migrating = {
  ResourceType: 'AWS::Lambda::Function',
  LogicalResourceId: 'FunctionsMigrateDatabase1234',
  PhysicalResourceId: 'migrating',
};
/** What the function in the stage's network says of a copy. */
const told = (report: object) => ({
  Payload: Buffer.from(
    JSON.stringify({
      workspaces: 2,
      documents: { same: 10, changed: 1, deleted: 3 },
      tables: { 'dbrag.chunks': { source: 20, copy: 20 } },
      faults: [],
      next: null,
      ...report,
    }),
  ),
});

/** A region with the database of the stage. What is made comes up, and what is deleted goes, when it was looked at three times. */
function region(changes: Answers = {}, others: Record<string, Row> = {}, instances: Record<string, Row> = {}) {
  const clusters: Record<string, Row> = { 'dbrag-small': source, ...others };
  const looks: Record<string, number> = {};
  /** Its state now; undefined when it is not there any more. */
  const look = (rows: Record<string, Row>, id: string): Row | undefined => {
    const row = rows[id];
    if (row === undefined) return undefined;
    looks[id] = (looks[id] ?? 0) + 1;
    if (row.deleting && looks[id] >= 3) {
      delete rows[id];
      delete looks[id];
      return undefined;
    }
    return {
      ...row,
      state: row.deleting ? 'deleting' : id === 'dbrag-small' || looks[id] >= 3 ? 'available' : 'creating',
    };
  };
  const stub = stubAccount({
    DescribeDBClusters: ({ DBClusterIdentifier: id }) => {
      const row = look(clusters, id);
      if (!row) return awsError('DBClusterNotFoundFault');
      return { DBClusters: [{ ...row, Status: row.state, Endpoint: `${id}.example.com` }] };
    },
    RestoreDBClusterToPointInTime: ({ DBClusterIdentifier, Tags }) => {
      if (clusters[DBClusterIdentifier]) return awsError('DBClusterAlreadyExistsFault');
      clusters[DBClusterIdentifier] = { TagList: Tags };
      return {};
    },
    DescribeDBInstances: ({ DBInstanceIdentifier: id }) => {
      const row = look(instances, id);
      if (!row) return awsError('DBInstanceNotFoundFault');
      return { DBInstances: [{ ...row, DBInstanceIdentifier: id, DBInstanceStatus: row.state }] };
    },
    CreateDBInstance: ({ DBInstanceIdentifier, DBClusterIdentifier }) => {
      if (instances[DBInstanceIdentifier]) return awsError('DBInstanceAlreadyExistsFault');
      instances[DBInstanceIdentifier] = { DBClusterIdentifier };
      return {};
    },
    DeleteDBInstance: () => ({}),
    DeleteDBCluster: () => ({}),
    DescribeStacks: ({ StackName }) => ({
      Stacks: [{ StackName, StackId: `arn:${StackName}`, StackStatus: 'CREATE_COMPLETE' }],
    }),
    DescribeStackResources: () => ({
      StackResources: [migrating],
    }),
    ListStackResources: () => ({ StackResourceSummaries: [migrating] }),
    Invoke: () => told({}),
    ...changes,
  });
  const waiting = { sleep: async () => undefined, tell: () => undefined };
  const run = (options: { at?: Date; keep?: boolean } = {}) =>
    drill({ clients: stub.clients, stage: small, at: options.at, keep: options.keep ?? false, waiting });
  const did = () => stub.sent.map(([name]) => name).filter((name) => !/^(Describe|Invoke|List)/.test(name));
  return { ...stub, run, did, clusters };
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

  it('has the copy compared in the network of the stage, part by part, and adds up what that says', async () => {
    const place = { workspaceId: '0199b1c2-0000-7000-8000-000000000001', upTo: null };
    const { run, sent } = region({ Invoke: ({ Payload }) => told(JSON.parse(Payload).place ? {} : { next: place }) });
    const moment = new Date('2026-11-25T10:00:00Z');
    const { compared } = await run({ at: moment });
    expect(compared).toEqual({
      workspaces: 4,
      documents: { same: 20, changed: 2, deleted: 6 },
      tables: { 'dbrag.chunks': { source: 40, copy: 40 } },
      faults: [],
      next: null,
    });
    const asked = sent.filter(([name]) => name === 'Invoke').map(([, input]) => input);
    expect(asked.map(({ FunctionName }) => FunctionName)).toEqual(['migrating', 'migrating']);
    expect(asked.map(({ Payload }) => JSON.parse(Payload))).toEqual(
      [null, place].map((each) => ({ compare: 'drill', moment: moment.toISOString(), place: each })),
    );
  });

  it('leaves a copy that is not what the database was', async () => {
    const { run, did } = region({ Invoke: () => told({ faults: ['3 rows are missing'] }) });
    expect(await run()).toMatchObject({ kept: true, compared: { faults: ['3 rows are missing'] } });
    expect(did()).toEqual(['RestoreDBClusterToPointInTime', 'CreateDBInstance']);
  });

  it('says why a copy could not be compared', async () => {
    const Payload = Buffer.from('{"errorMessage":"password authentication failed."}');
    const { run } = region({ Invoke: () => ({ FunctionError: 'Unhandled', Payload }) });
    await expect(run()).rejects.toThrow('The copy could not be compared: password authentication failed.');
    await expect(
      region({
        ListStackResources: () => ({ StackResourceSummaries: [] }),
        DescribeStackResources: () => ({ StackResources: [] }),
      }).run(),
    ).rejects.toThrow('There is no function of dbrag-small that could compare the copy');
  });

  const at = new Date('2026-11-25T10:00:00Z');

  it('goes on with a copy of the moment that is named', async () => {
    const { run, did } = region({}, { 'dbrag-small-drill': tagged(at.toISOString()) });
    await run({ at });
    expect(did()).toEqual(['CreateDBInstance', 'DeleteDBInstance', 'DeleteDBCluster']);
  });

  it.each([
    ['of another moment', tagged('2026-11-24T00:00:00.000Z'), { at }, '--at 2026-11-24T00:00:00.000Z, or delete it'],
    ['of a moment, when the latest is asked for', tagged(at.toISOString()), {}, 'There is a copy already'],
    ['that is kept', tagged(at.toISOString(), 'yes'), { at }, 'which was to be kept'],
    ['that would have to be kept', tagged(at.toISOString()), { at, keep: true }, 'There is a copy already'],
    ['that no drill made', {}, { at }, 'dbrag-small-drill was not made by a drill'],
  ] as const)('takes no copy %s', async (_, copy, options, sentence) => {
    const { run, did } = region({}, { 'dbrag-small-drill': copy });
    await expect(run(options)).rejects.toThrow(sentence);
    expect(did()).toEqual([]);
  });

  it('waits until the copy of the drill before is gone, and its instance', async () => {
    const going = region({}, { 'dbrag-small-drill': { ...tagged(at.toISOString()), deleting: true } });
    await going.run({ at });
    expect(going.did()).toEqual([
      'RestoreDBClusterToPointInTime',
      'CreateDBInstance',
      'DeleteDBInstance',
      'DeleteDBCluster',
    ]);
    const half = region(
      {},
      { 'dbrag-small-drill': tagged(at.toISOString()) },
      { 'dbrag-small-drill-writer': { DBClusterIdentifier: 'dbrag-small-drill', deleting: true } },
    );
    await half.run({ at });
    expect(half.did()).toEqual(['CreateDBInstance', 'DeleteDBInstance', 'DeleteDBCluster']);
  });

  it('never takes for its own what was put in place of the database', async () => {
    const promoted = region({}, {}, { 'dbrag-small-drill-writer': { DBClusterIdentifier: 'dbrag-small' } });
    await expect(promoted.run()).rejects.toThrow(
      'dbrag-small-drill-writer is an instance of dbrag-small: give it another name',
    );
    expect(promoted.did()).toEqual([]);
    let looks = 0;
    const meanwhile = region({
      DescribeDBInstances: () => {
        looks += 1;
        // As soon as it is up, somebody renames it.
        if (looks === 3) delete meanwhile.clusters['dbrag-small-drill'];
        return { DBInstances: [{ DBClusterIdentifier: 'dbrag-small-drill', DBInstanceStatus: 'available' }] };
      },
    });
    meanwhile.clusters['dbrag-small-drill'] = tagged(at.toISOString());
    await expect(meanwhile.run({ at })).rejects.toThrow('has been renamed or deleted meanwhile: nothing is deleted');
    expect(meanwhile.did().filter((name) => name.startsWith('Delete'))).toEqual([]);
  });

  it('says what stands in the way', async () => {
    const absent = region();
    delete absent.clusters['dbrag-small'];
    await expect(absent.run()).rejects.toThrow('There is no database dbrag-small in eu-central-1.');
    await expect(region().run({ at: new Date('2026-11-01T00:00:00Z') })).rejects.toThrow(
      'Backups reach back to 2026-11-22T00:00:00.000Z',
    );
    const stuck = region({
      DescribeDBInstances: () => ({
        DBInstances: [{ DBClusterIdentifier: 'dbrag-small-drill', DBInstanceStatus: 'creating' }],
      }),
    });
    await expect(stuck.run()).rejects.toThrow('dbrag-small-drill-writer is not available after two hours');
  });
});
