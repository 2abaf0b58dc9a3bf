import { describe, expect, it } from 'vitest';
import type { Clients } from '../../../infra/deploy/clients.ts';
import { destroy } from '../../../infra/deploy/destroy.ts';
import type { StageSettings } from '../../../infra/stage-settings.ts';
import { small } from '../../../infra/stages.ts';
import { type Answers, awsError, stubAccount } from '../../support/stub-account.ts';

const forgetful: StageSettings = { ...small, operations: { ...small.operations, dataOnRemoval: 'destroy' } };

/** A stage in an account: its stacks go when they are deleted, its functions' interfaces when they were looked at twice. */
function account(changes: Answers = {}, protectedStacks = false, goes: readonly string[] = []) {
  const present = new Set(['dbrag-small-service', 'dbrag-small-data']);
  let interfaces = 2;
  const versions = new Map([
    ['content', 1_500],
    ['audit', 3],
  ]);
  const stub = stubAccount({
    DescribeStacks: ({ StackName }) =>
      present.has(StackName)
        ? {
            Stacks: [
              {
                StackName,
                StackId: `arn:${StackName}`,
                StackStatus: 'CREATE_COMPLETE',
                EnableTerminationProtection: protectedStacks,
              },
            ],
          }
        : awsError('ValidationError', `Stack with id ${StackName} does not exist`),
    // Older ones of the same name, and other stages, a page each.
    ListStacks: ({ NextToken = '0' }) => {
      const page = [
        { StackName: 'dbrag-other-data', StackId: 'arn:other', DeletionTime: new Date('2026-11-29') },
        ...['dbrag-small-service', 'dbrag-small-data']
          .filter((name) => !present.has(name))
          .flatMap((StackName) => [
            { StackName, StackId: `arn:${StackName}`, DeletionTime: new Date('2026-11-28') },
            { StackName, StackId: `arn:old:${StackName}`, DeletionTime: new Date('2026-11-01') },
          ]),
      ];
      const next = Number(NextToken) + 1;
      return { StackSummaries: page.slice(next - 1, next), ...(next < page.length ? { NextToken: String(next) } : {}) };
    },
    GetTemplate: () => ({
      TemplateBody: JSON.stringify({
        Resources: Object.fromEntries(
          ['content', 'audit'].map((id) => [
            `Logical${id}`,
            { DeletionPolicy: goes.includes(id) ? 'Delete' : 'Retain' },
          ]),
        ),
      }),
    }),
    DeleteStack: ({ StackName }) => {
      present.delete(StackName);
      return {};
    },
    ListStackResources: ({ StackName }) => ({
      StackResourceSummaries:
        StackName === 'arn:dbrag-small-data'
          ? [
              { ResourceType: 'AWS::EC2::VPC', PhysicalResourceId: 'vpc-1', ResourceStatus: 'CREATE_COMPLETE' },
              {
                ResourceType: 'AWS::RDS::DBCluster',
                PhysicalResourceId: 'dbrag-small',
                ResourceStatus: 'CREATE_COMPLETE',
              },
              ...[...versions.keys()].map((id) => ({
                ResourceType: 'AWS::S3::Bucket',
                LogicalResourceId: `Logical${id}`,
                PhysicalResourceId: id,
                ResourceStatus: present.has('dbrag-small-data') ? 'CREATE_COMPLETE' : 'DELETE_SKIPPED',
              })),
              {
                ResourceType: 'AWS::KMS::Key',
                PhysicalResourceId: 'key-1',
                ResourceStatus: present.has('dbrag-small-data') ? 'CREATE_COMPLETE' : 'DELETE_SKIPPED',
              },
            ]
          : [
              {
                ResourceType: 'AWS::Lambda::Version',
                PhysicalResourceId: 'arn:aws:lambda:eu-central-1:111122223333:function:api:7',
                ResourceStatus: present.has('dbrag-small-service') ? 'CREATE_COMPLETE' : 'DELETE_SKIPPED',
              },
            ],
    }),
    DescribeNetworkInterfaces: () => {
      interfaces -= 1;
      return { NetworkInterfaces: interfaces > 0 ? [{ NetworkInterfaceId: 'eni-1' }] : [] };
    },
    ModifyDBCluster: () => ({}),
    DescribeDBClusterSnapshots: () => ({ DBClusterSnapshots: [{ DBClusterSnapshotIdentifier: 'last-one' }] }),
    ListObjectVersions: ({ Bucket }) => {
      const left = versions.get(Bucket);
      if (left === undefined) return awsError('NoSuchBucket');
      return {
        Versions: Array.from({ length: Math.min(left, 1_000) }, (_, at) => ({ Key: `k${at}`, VersionId: 'v' })),
      };
    },
    DeleteObjects: ({ Bucket, Delete }) => {
      versions.set(Bucket, (versions.get(Bucket) ?? 0) - Delete.Objects.length);
      return {};
    },
    DeleteBucket: ({ Bucket }) => {
      versions.delete(Bucket);
      return {};
    },
    ...changes,
  });
  const told: string[] = [];
  const waiting = { sleep: async () => undefined, tell: (line: string) => told.push(line) };
  const run = (options: { stage?: StageSettings; withData?: boolean; copies?: Clients } = {}) =>
    destroy({
      clients: stub.clients,
      copies: options.copies,
      stage: options.stage ?? small,
      withData: options.withData ?? false,
      waiting,
    });
  return { ...stub, run, told, versions };
}

describe('destroying a stage', () => {
  it('takes the service down first, waits for its interfaces, then the data stack, and lists what stays with its price', async () => {
    const { run, sent, versions, told } = account();
    const left = await run();
    const order = sent.map(([name, input]) => `${name} ${input.StackName ?? input.DBClusterIdentifier ?? ''}`.trim());
    const at = (entry: string) => order.indexOf(entry);
    expect(at('DeleteStack dbrag-small-service')).toBeGreaterThan(-1);
    expect(at('DescribeNetworkInterfaces')).toBeGreaterThan(at('DeleteStack dbrag-small-service'));
    expect(at('ModifyDBCluster dbrag-small')).toBeGreaterThan(order.lastIndexOf('DescribeNetworkInterfaces'));
    expect(at('DeleteStack dbrag-small-data')).toBeGreaterThan(at('ModifyDBCluster dbrag-small'));
    expect(told).toContain('1 network interfaces of functions are still there, 0 s');
    expect(left.map(({ type, id }) => `${type} ${id}`)).toEqual([
      'AWS::S3::Bucket content',
      'AWS::S3::Bucket audit',
      'AWS::KMS::Key key-1',
      'AWS::RDS::DBClusterSnapshot last-one',
    ]);
    expect(
      left.every(({ price, remove }) => price.startsWith('$') && /^(aws|npm run destroy -- ) ?/.test(remove)),
    ).toBe(true);
    // The stage keeps its data.
    expect([...versions]).toEqual([
      ['content', 1_500],
      ['audit', 3],
    ]);
  });

  it('empties the buckets that their stack deletes, before that, and no lock is bypassed', async () => {
    const { run, sent, versions } = account({}, false, ['content']);
    await run({ stage: forgetful });
    expect([...versions]).toEqual([
      ['content', 0],
      ['audit', 3],
    ]);
    const names = sent.map(([name]) => name);
    expect(names.lastIndexOf('DeleteObjects')).toBeLessThan(names.lastIndexOf('DeleteStack'));
    expect(sent.filter(([, input]) => input.BypassGovernanceRetention)).toEqual([]);
  });

  it('believes the stack as it was deployed, and not the settings by now', async () => {
    const kept = account();
    await kept.run({ stage: forgetful });
    expect([...kept.versions.values()]).toEqual([1_500, 3]);
    const going = account({}, false, ['content']);
    await expect(going.run()).rejects.toThrow(
      'Stage "small" keeps its data, and dbrag-small-data as it was deployed does not',
    );
    expect(going.sent.filter(([name]) => name.startsWith('Delete'))).toEqual([]);
  });

  it('deletes the buckets with their data only where that was asked for', async () => {
    const { run, sent, versions } = account();
    const left = await run({ withData: true });
    expect([...versions]).toEqual([]);
    expect(
      sent.filter(([name]) => name === 'DeleteObjects').every(([, input]) => input.BypassGovernanceRetention),
    ).toBe(true);
    expect(left.map(({ type }) => type)).toEqual(['AWS::KMS::Key', 'AWS::RDS::DBClusterSnapshot']);
  });

  it('goes on after the stacks are gone: lists what stays, and deletes the buckets where that is asked for now', async () => {
    const { run, sent, versions } = account();
    const first = await run();
    expect(await run()).toEqual(first);
    const left = await run({ withData: true });
    expect([...versions]).toEqual([]);
    expect(left.map(({ type }) => type)).toEqual(['AWS::KMS::Key', 'AWS::RDS::DBClusterSnapshot']);
    expect(sent.filter(([name]) => name === 'DeleteStack')).toHaveLength(2);
  });

  it('empties a bucket again that received access logs meanwhile', async () => {
    let fails = 1;
    const { run, sent } = account(
      {
        DeleteStack: ({ StackName }) => {
          if (StackName === 'dbrag-small-data' && fails-- > 0)
            return new Error('The bucket you tried to delete is not empty');
          present.delete(StackName);
          return {};
        },
        DescribeStacks: ({ StackName }) =>
          present.has(StackName)
            ? { Stacks: [{ StackName, StackId: `arn:${StackName}`, StackStatus: 'CREATE_COMPLETE' }] }
            : awsError('ValidationError', 'does not exist'),
      },
      false,
      ['content', 'audit'],
    );
    const present = new Set(['dbrag-small-service', 'dbrag-small-data']);
    await run({ stage: forgetful });
    expect(
      sent.filter(([name, input]) => name === 'DeleteStack' && input.StackName === 'dbrag-small-data'),
    ).toHaveLength(2);
  });

  it('takes the stack of a second region down last, and says what stays there and where', async () => {
    const { run, sent } = account();
    const deletedBefore: number[] = [];
    let isThere = true;
    const elsewhere = stubAccount({
      DescribeStacks: ({ StackName }) =>
        isThere
          ? { Stacks: [{ StackName, StackId: `arn:${StackName}`, StackStatus: 'CREATE_COMPLETE' }] }
          : awsError('ValidationError', 'does not exist'),
      DeleteStack: () => {
        deletedBefore.push(sent.filter(([name]) => name === 'DeleteStack').length);
        isThere = false;
        return {};
      },
      ListStacks: () => ({ StackSummaries: [] }),
      ListStackResources: () => ({
        StackResourceSummaries: [
          { ResourceType: 'AWS::Backup::BackupVault', PhysicalResourceId: 'v', ResourceStatus: 'DELETE_SKIPPED' },
        ],
      }),
    });
    const copies = { ...elsewhere.clients, region: 'eu-west-1' };
    const left = await run({ copies });
    // Both of the first region were gone.
    expect(deletedBefore).toEqual([2]);
    expect(elsewhere.sent.find(([name]) => name === 'DeleteStack')?.[1]).toEqual({ StackName: 'dbrag-small-copies' });
    expect(left.at(-1)).toEqual({
      type: 'AWS::Backup::BackupVault',
      id: 'v',
      price: expect.stringMatching(/^\$.*recovery points in eu-west-1$/),
      remove: expect.stringMatching(/^AWS_REGION=eu-west-1 aws backup delete-backup-vault --backup-vault-name v /),
    });
    // Broken off before it, the command goes on with what is there.
    isThere = true;
    const gone = account({ DescribeStacks: () => awsError('ValidationError', 'does not exist') });
    expect((await gone.run({ copies })).at(-1)?.id).toBe('v');
    isThere = false;
    await expect(gone.run({ copies })).rejects.toThrow('There is no stage "small" in eu-central-1.');
  });

  it('says what stands in the way', async () => {
    await expect(account({}, true).run()).rejects.toThrow(
      '--no-enable-termination-protection --stack-name dbrag-small-service',
    );
    await expect(
      account({
        DescribeStacks: () => awsError('ValidationError', 'does not exist'),
        ListStacks: () => ({ StackSummaries: [] }),
      }).run(),
    ).rejects.toThrow('There is no stage "small" in eu-central-1.');
    await expect(
      account({ DescribeNetworkInterfaces: () => ({ NetworkInterfaces: [{ NetworkInterfaceId: 'eni-1' }] }) }).run(),
    ).rejects.toThrow('Network interfaces of functions stay in vpc-1: eni-1.');
    await expect(
      account({ DeleteObjects: () => ({ Errors: [{ Key: 'root', Code: 'AccessDenied' }] }) }).run({ withData: true }),
    ).rejects.toThrow('S3 did not delete root of content: AccessDenied');
    const failing = account({
      DeleteStack: () => ({}),
      DescribeStacks: ({ StackName }) => ({
        Stacks: [{ StackName, StackId: 'arn', StackStatus: 'DELETE_FAILED', StackStatusReason: 'Subnets are in use.' }],
      }),
    });
    await expect(failing.run()).rejects.toThrow('dbrag-small-service could not be deleted: Subnets are in use.');
  });
});
