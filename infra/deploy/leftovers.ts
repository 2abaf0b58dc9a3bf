import { ListStackResourcesCommand, type StackResourceSummary } from '@aws-sdk/client-cloudformation';
import { DescribeDBClusterSnapshotsCommand } from '@aws-sdk/client-rds';
import { prices } from '../cost/prices.ts';
import type { Clients } from './clients.ts';

/** Something that a destroyed stage leaves in the account. */
export interface Leftover {
  readonly type: string;
  readonly id: string;
  /** Its cost while it stays, in words that are true however full it is. */
  readonly price: string;
  /** A command that removes it. */
  readonly remove: string;
}

/** By type: what one costs, and how to be rid of it. Types that are not here cost nothing by themselves. */
const known: Readonly<Record<string, { readonly price: string; readonly remove: (id: string) => string }>> = {
  'AWS::S3::Bucket': {
    price: `$${prices.objectGigabyteMonth} a GB and month`,
    // It has old versions, which aws s3 rb --force leaves in it.
    remove: (id) => `npm run destroy -- <stage> --with-data deletes ${id} with all its versions`,
  },
  'AWS::KMS::Key': {
    price: `$${prices.keyMonth} a month`,
    remove: (id) => `aws kms schedule-key-deletion --key-id ${id} (what it encrypted is lost with it)`,
  },
  'AWS::SecretsManager::Secret': {
    price: `$${prices.secretMonth} a month`,
    remove: (id) => `aws secretsmanager delete-secret --secret-id ${id}`,
  },
  'AWS::Logs::LogGroup': {
    price: `$${prices.logGigabyteMonth} a GB and month`,
    remove: (id) => `aws logs delete-log-group --log-group-name ${id}`,
  },
  'AWS::Backup::BackupVault': {
    price: `$${prices.objectBackupGigabyteMonth} a GB and month of its recovery points`,
    remove: (id) =>
      `aws backup delete-backup-vault --backup-vault-name ${id} (when no recovery point is in it any more)`,
  },
};

/** Versions are kept by the stack, for `npm run rollback`, and end with their function. */
const goesWithFunction = (type: string | undefined): boolean => type === 'AWS::Lambda::Version';

const snapshot = {
  type: 'AWS::RDS::DBClusterSnapshot',
  price: `$${prices.auroraBackupGigabyteMonth} a GB and month`,
  remove: (id: string) => `aws rds delete-db-cluster-snapshot --db-cluster-snapshot-identifier ${id}`,
} as const;

/** Everything in a stack, deleted ones by their ARN too. */
export async function stackResources(
  { stacks }: Pick<Clients, 'stacks'>,
  stackId: string,
): Promise<readonly StackResourceSummary[]> {
  const found: StackResourceSummary[] = [];
  let NextToken: string | undefined;
  do {
    const page = await stacks.send(
      new ListStackResourcesCommand({ StackName: stackId, ...(NextToken === undefined ? {} : { NextToken }) }),
    );
    found.push(...(page.StackResourceSummaries ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return found;
}

/** The resources that CloudFormation retained from a deleted stack. */
async function keptResources(clients: Pick<Clients, 'stacks'>, stackId: string): Promise<Leftover[]> {
  const resources = await stackResources(clients, stackId);
  return resources
    .filter(
      ({ ResourceStatus, ResourceType }) => ResourceStatus === 'DELETE_SKIPPED' && !goesWithFunction(ResourceType),
    )
    .map(({ ResourceType = '', PhysicalResourceId: id = '' }) => ({
      type: ResourceType,
      id,
      price: known[ResourceType]?.price ?? 'nothing by itself',
      remove: known[ResourceType]?.remove(id) ?? 'in the console',
    }));
}

/** The remains of the stack in a second region, where no command looks unless told to. */
export async function findLeftoversElsewhere(
  clients: Pick<Clients, 'region' | 'stacks'>,
  stackId: string,
): Promise<Leftover[]> {
  const kept = await keptResources(clients, stackId);
  return kept.map(({ remove, ...left }) => ({
    ...left,
    price: `${left.price} in ${clients.region}`,
    remove: `AWS_REGION=${clients.region} ${remove}`,
  }));
}

/**
 * What is left of deleted stacks: the resources that CloudFormation was told to keep, and the snapshots of the database.
 * @param stackIds ARNs, since a name leads nowhere once its stack is deleted
 */
export async function findLeftovers(
  clients: Clients,
  stackIds: readonly string[],
  clusterId: string,
): Promise<Leftover[]> {
  const kept = (await Promise.all(stackIds.map((id) => keptResources(clients, id)))).flat();
  const { DBClusterSnapshots = [] } = await clients.databases.send(
    new DescribeDBClusterSnapshotsCommand({ DBClusterIdentifier: clusterId }),
  );
  const snapshots = DBClusterSnapshots.map(({ DBClusterSnapshotIdentifier: id = '' }) => ({
    ...snapshot,
    id,
    remove: snapshot.remove(id),
  }));
  return [...kept, ...snapshots];
}
