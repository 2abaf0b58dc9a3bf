import { GetTemplateCommand, type Stack, type StackResourceSummary } from '@aws-sdk/client-cloudformation';
import { ModifyDBClusterCommand } from '@aws-sdk/client-rds';
import { DeleteBucketCommand } from '@aws-sdk/client-s3';
import type { StageSettings } from '../stage-settings.ts';
import { awaitInterfaces } from './await-interfaces.ts';
import type { Clients } from './clients.ts';
import { deleteStack } from './delete-stack.ts';
import { emptyBucket } from './empty-bucket.ts';
import { CommandError, errorName } from './finding.ts';
import { findLeftovers, findLeftoversElsewhere, type Leftover, stackResources } from './leftovers.ts';
import { findDeletedStack, findStack, stackNames } from './stacks.ts';
import type { Waiting } from './waiting.ts';

export interface DestroyOptions {
  readonly clients: Clients;
  /** Of the region that backups are copied to; undefined where the stage copies none. */
  readonly copies?: Clients | undefined;
  readonly stage: StageSettings;
  /** Delete the buckets with all that is in them, also where the stage keeps its data. */
  readonly withData: boolean;
  readonly waiting: Waiting;
}

/** A bucket that still receives access logs is emptied more than once. */
const attempts = 3;

/**
 * Takes a stage down: what can be made again first, then what must survive. Each step looks at what is there, so that a command that was
 * broken off goes on where it stopped.
 * @returns what stays in the account
 * @throws CommandError saying what prevents it
 */
export async function destroy({ clients, copies, stage, withData, waiting }: DestroyOptions): Promise<Leftover[]> {
  const names = stackNames(stage.name);
  const [service, data, copied] = await Promise.all([
    findStack(clients, names.service),
    findStack(clients, names.data),
    copies && findStack(copies, names.copies),
  ]);
  // Of a stage whose stacks are gone: what they left is listed, and with the data deleted, by a command that comes again.
  const serviceId = service?.StackId ?? (await findDeletedStack(clients, names.service));
  const dataId = data?.StackId ?? (await findDeletedStack(clients, names.data));
  const copiesId = copied?.StackId ?? (copies && (await findDeletedStack(copies, names.copies)));
  if (serviceId === undefined && dataId === undefined && copiesId === undefined)
    throw new CommandError(`There is no stage "${stage.name}" in ${clients.region}.`);
  refuseProtected(service, clients.region);
  refuseProtected(data, clients.region);
  refuseProtected(copied, copies?.region ?? '');
  const resources = dataId === undefined ? [] : await stackResources(clients, dataId);
  const idsOf = (type: string): string[] =>
    resources
      .filter(({ ResourceType, ResourceStatus }) => ResourceType === type && ResourceStatus !== 'DELETE_COMPLETE')
      .map(({ PhysicalResourceId }) => PhysicalResourceId ?? '');
  const buckets = idsOf('AWS::S3::Bucket');
  const going = data ? await bucketsThatGo(clients, names.data, resources) : [];
  if (going.length > 0 && !withData && stage.operations.dataOnRemoval === 'keep')
    throw new CommandError(
      `Stage "${stage.name}" keeps its data, and ${names.data} as it was deployed does not: deploy it first, or say --with-data.`,
    );
  if (service) await deleteStack(clients, names.service, waiting);
  for (const vpcId of idsOf('AWS::EC2::VPC')) await awaitInterfaces(clients, vpcId, waiting);
  if (data) {
    await unprotect(clients, idsOf('AWS::RDS::DBCluster'));
    await deleteData(clients, names.data, { buckets: withData ? buckets : going, withData }, waiting);
  }
  if (withData) for (const bucket of buckets) await deleteBucket(clients, bucket, waiting);
  const stackIds = [serviceId, dataId].filter((id) => id !== undefined);
  const left = await findLeftovers(clients, stackIds, `dbrag-${stage.name}`);
  const here = withData ? left.filter(({ type }) => type !== 'AWS::S3::Bucket') : left;
  // Last, since it must remain until everything else is gone.
  if (!copies || copiesId === undefined) return here;
  if (copied) await deleteStack(copies, names.copies, waiting);
  return [...here, ...(await findLeftoversElsewhere(copies, copiesId))];
}

function refuseProtected(stack: Stack | undefined, region: string): void {
  if (stack?.EnableTerminationProtection)
    throw new CommandError(
      `${stack.StackName} is protected from being deleted: aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name ${stack.StackName} --region ${region}`,
    );
}

/** The stack as it was deployed says which it will delete, whatever the settings say by now. */
async function bucketsThatGo(
  { stacks }: Clients,
  StackName: string,
  resources: readonly StackResourceSummary[],
): Promise<string[]> {
  const { TemplateBody = '{}' } = await stacks.send(new GetTemplateCommand({ StackName }));
  const { Resources = {} } = JSON.parse(TemplateBody) as {
    Resources?: Readonly<Record<string, { readonly DeletionPolicy?: string }>>;
  };
  return resources
    .filter(
      ({ ResourceType, LogicalResourceId = '', ResourceStatus }) =>
        ResourceType === 'AWS::S3::Bucket' &&
        ResourceStatus !== 'DELETE_COMPLETE' &&
        Resources[LogicalResourceId]?.DeletionPolicy === 'Delete',
    )
    .map(({ PhysicalResourceId }) => PhysicalResourceId ?? '');
}

/** The stack could not delete a cluster that is protected; a snapshot is taken where the stage keeps its data. */
async function unprotect({ databases }: Clients, clusters: readonly string[]): Promise<void> {
  for (const DBClusterIdentifier of clusters) {
    try {
      await databases.send(
        new ModifyDBClusterCommand({ DBClusterIdentifier, DeletionProtection: false, ApplyImmediately: true }),
      );
    } catch (error) {
      if (errorName(error) !== 'DBClusterNotFoundFault') throw error;
    }
  }
}

async function deleteData(
  clients: Clients,
  stack: string,
  { buckets, withData }: { readonly buckets: readonly string[]; readonly withData: boolean },
  waiting: Waiting,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    for (const bucket of buckets)
      await emptyBucket(clients, bucket, withData, (removed) => waiting.tell(`${bucket}: ${removed} versions deleted`));
    try {
      return await deleteStack(clients, stack, waiting);
    } catch (error) {
      const isFilledAgain = buckets.length > 0 && /not empty/i.test((error as Error).message);
      if (!isFilledAgain || attempt === attempts) throw error;
    }
  }
}

async function deleteBucket(clients: Clients, bucket: string, waiting: Waiting): Promise<void> {
  const removed = await emptyBucket(clients, bucket, true, (count) =>
    waiting.tell(`${bucket}: ${count} versions deleted`),
  );
  if (removed === undefined) return;
  await clients.objects.send(new DeleteBucketCommand({ Bucket: bucket }));
}
