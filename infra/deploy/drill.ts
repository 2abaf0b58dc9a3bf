import {
  CreateDBInstanceCommand,
  type DBCluster,
  type DBInstance,
  DeleteDBClusterCommand,
  DeleteDBInstanceCommand,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  RestoreDBClusterToPointInTimeCommand,
} from '@aws-sdk/client-rds';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { type CopyReport, compareCopy } from './compare-copy.ts';
import { CommandError, errorName } from './finding.ts';
import type { Waiting } from './waiting.ts';

export interface DrillOptions {
  readonly clients: Clients;
  readonly stage: StageSettings;
  /** The moment to go back to; undefined: the latest that there is. */
  readonly at: Date | undefined;
  /** Leave the restored cluster, to look into it. */
  readonly keep: boolean;
  readonly waiting: Waiting;
}

export interface Drilled {
  readonly endpoint: string;
  readonly restoredTo: Date;
  /** Spent waiting until the copy was available; what an outage would last, without the time that people take to decide. */
  readonly seconds: number;
  /** Of what would have been lost, if it had happened when the drill began. */
  readonly behindSeconds: number;
  /** How the copy compares with the database; without faults, they are equal. */
  readonly compared: CopyReport;
  readonly kept: boolean;
}

const pauseSeconds = 30;
/** The volume is copied in full, since a clone needs the one that was lost: a large database may take longer, and the command then goes on when it is begun again. */
const patienceSeconds = 7_200;

/** These tags mark a copy as a drill's; they must be removed when it replaces the database. */
const purpose = { Key: 'purpose', Value: 'restore drill' } as const;
const tags = { moment: 'moment', kept: 'kept' } as const;

/**
 * Restores the database to a moment, beside the one that serves and in the same network, compares what it holds, and deletes it again. The stage
 * is not touched. Begun again after it was broken off, it goes on with the copy that is there, if that is of the moment that is named.
 * @throws CommandError saying what prevents it
 */
export async function drill({ clients, stage, at, keep, waiting }: DrillOptions): Promise<Drilled> {
  const source = await findCluster(clients, `dbrag-${stage.name}`);
  if (!source) throw new CommandError(`There is no database dbrag-${stage.name} in ${clients.region}.`);
  const began = Date.now();
  const restoredTo = at ?? source.LatestRestorableTime ?? new Date(began);
  if (source.EarliestRestorableTime && restoredTo < source.EarliestRestorableTime)
    throw new CommandError(
      `Backups reach back to ${source.EarliestRestorableTime.toISOString()}: choose a later moment, or keep them longer (database.backupDays).`,
    );
  const id = `dbrag-${stage.name}-drill`;
  const instance = `${id}-writer`;
  let waited = 0;
  const patiently = async (what: string, isDone: () => Promise<boolean>): Promise<void> => {
    while (!(await isDone())) {
      if (waited >= patienceSeconds)
        throw new CommandError(`${what} is not available after two hours: look at its events.`);
      waiting.tell(`${what}, ${waited} s`);
      await waiting.sleep(pauseSeconds);
      waited += pauseSeconds;
    }
  };
  if ((await findCluster(clients, id))?.Status === 'deleting')
    await patiently(`The end of ${id}`, async () => !(await findCluster(clients, id)));
  const there = await findCluster(clients, id);
  if (there) requireSame(there, id, stage.name, at, keep);
  const writer = await findInstance(clients, instance);
  if (writer) requireWriterOf(writer, id);
  if (!there) await restore(clients, source, { id, at, restoredTo, keep });
  await patiently(id, async () => (await findCluster(clients, id))?.Status === 'available');
  if (writer?.DBInstanceStatus === 'deleting')
    await patiently(`The end of ${instance}`, async () => !(await findInstance(clients, instance)));
  if (!(await findInstance(clients, instance))) await createWriter(clients, id, instance);
  await patiently(instance, async () => (await findInstance(clients, instance))?.DBInstanceStatus === 'available');
  const copy = await findCluster(clients, id);
  // A copy of the latest moment says which that was: one that an earlier run made is older than what is restorable now.
  const moment = new Date((copy && tagOf(copy, tags.moment)) ?? restoredTo);
  const compared = await compareCopy(clients, stage.name, moment, waiting.tell);
  // One that is not what it should be is to be looked into.
  const kept = keep || compared.faults.length > 0;
  if (!kept) await remove(clients, id, instance);
  return {
    endpoint: copy?.Endpoint ?? '',
    restoredTo,
    compared,
    seconds: waited,
    behindSeconds: Math.max(0, Math.round((began - restoredTo.getTime()) / 1_000)),
    kept,
  };
}

async function findCluster({ databases }: Clients, id: string): Promise<DBCluster | undefined> {
  try {
    const { DBClusters = [] } = await databases.send(new DescribeDBClustersCommand({ DBClusterIdentifier: id }));
    return DBClusters[0];
  } catch (error) {
    if (errorName(error) === 'DBClusterNotFoundFault') return undefined;
    throw error;
  }
}

async function findInstance({ databases }: Clients, id: string): Promise<DBInstance | undefined> {
  try {
    const { DBInstances = [] } = await databases.send(new DescribeDBInstancesCommand({ DBInstanceIdentifier: id }));
    return DBInstances[0];
  } catch (error) {
    if (errorName(error) === 'DBInstanceNotFoundFault' || errorName(error) === 'DBInstanceNotFound') return undefined;
    throw error;
  }
}

function tagOf({ TagList = [] }: DBCluster, key: string): string | undefined {
  return TagList.find(({ Key }) => Key === key)?.Value;
}

function requireDrills(cluster: DBCluster, id: string): void {
  if (tagOf(cluster, purpose.Key) !== purpose.Value)
    throw new CommandError(`${id} was not made by a drill: give it another name, or delete it yourself.`);
}

/** A copy of another moment proves nothing of this one, and one that somebody keeps is not ours to delete. */
function requireSame(copy: DBCluster, id: string, stage: string, at: Date | undefined, keep: boolean): void {
  requireDrills(copy, id);
  const moment = tagOf(copy, tags.moment);
  const isKept = tagOf(copy, tags.kept) === 'yes';
  if (moment === at?.toISOString() && isKept === keep) return;
  throw new CommandError(
    `There is a copy already: ${id}, of ${moment}${isKept ? ', which was to be kept' : ''}. Go on with it by npm run drill -- ${stage} --at ${moment}${isKept ? ' --keep' : ''}, or delete it.`,
  );
}

/** After a promotion the instance may still have the name that the drill gave it, and be the only writer that there is. */
function requireWriterOf({ DBInstanceIdentifier, DBClusterIdentifier }: DBInstance, cluster: string): void {
  if (DBClusterIdentifier !== cluster)
    throw new CommandError(
      `${DBInstanceIdentifier} is an instance of ${DBClusterIdentifier}: give it another name (aws rds modify-db-instance --db-instance-identifier ${DBInstanceIdentifier} --new-db-instance-identifier ${DBClusterIdentifier}-writer --apply-immediately).`,
    );
}

interface Copy {
  readonly id: string;
  readonly at: Date | undefined;
  readonly restoredTo: Date;
  readonly keep: boolean;
}

/** Where the source stands, with its groups and parameters: a copy of which nobody could say that it would have served proves nothing. */
async function restore({ databases }: Clients, source: DBCluster, { id, at, restoredTo, keep }: Copy): Promise<void> {
  const groups = (source.VpcSecurityGroups ?? []).map(({ VpcSecurityGroupId = '' }) => VpcSecurityGroupId);
  const { MinCapacity = 0.5, MaxCapacity = 1 } = source.ServerlessV2ScalingConfiguration ?? {};
  await databases.send(
    new RestoreDBClusterToPointInTimeCommand({
      DBClusterIdentifier: id,
      SourceDBClusterIdentifier: source.DBClusterIdentifier,
      ...(at ? { RestoreToTime: at } : { UseLatestRestorableTime: true }),
      DBSubnetGroupName: source.DBSubnetGroup,
      VpcSecurityGroupIds: groups,
      DBClusterParameterGroupName: source.DBClusterParameterGroup,
      ServerlessV2ScalingConfiguration: { MinCapacity, MaxCapacity },
      DeletionProtection: false,
      Tags: [
        purpose,
        { Key: tags.moment, Value: restoredTo.toISOString() },
        { Key: tags.kept, Value: keep ? 'yes' : 'no' },
      ],
    }),
  );
}

async function createWriter({ databases }: Clients, cluster: string, instance: string): Promise<void> {
  await databases.send(
    new CreateDBInstanceCommand({
      DBInstanceIdentifier: instance,
      DBClusterIdentifier: cluster,
      DBInstanceClass: 'db.serverless',
      Engine: 'aurora-postgresql',
      PubliclyAccessible: false,
    }),
  );
}

/** Only what the drill created. The name alone does not prove that: a renamed cluster has been put into use. */
async function remove(clients: Clients, cluster: string, instance: string): Promise<void> {
  const { databases } = clients;
  const [copy, writer] = [await findCluster(clients, cluster), await findInstance(clients, instance)];
  if (!copy) throw new CommandError(`${cluster} has been renamed or deleted meanwhile: nothing is deleted.`);
  requireDrills(copy, cluster);
  if (writer) {
    requireWriterOf(writer, cluster);
    await databases.send(new DeleteDBInstanceCommand({ DBInstanceIdentifier: instance, SkipFinalSnapshot: true }));
  }
  await databases.send(new DeleteDBClusterCommand({ DBClusterIdentifier: cluster, SkipFinalSnapshot: true }));
}
