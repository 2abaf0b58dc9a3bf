import { GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { DescribeDBClustersCommand } from '@aws-sdk/client-rds';
import { GetBucketEncryptionCommand } from '@aws-sdk/client-s3';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { CommandError, type Finding, fine, problem, warning } from './finding.ts';
import { stackResources } from './leftovers.ts';
import { lookAtAll } from './preflight.ts';
import { keepsDataIn, keepsFunctionsIn } from './prove-egress.ts';
import { findStack, outputOf, stackNames } from './stacks.ts';

export interface ProveOptions {
  readonly clients: Clients;
  readonly stage: StageSettings;
  /** Asks as a stranger would; tests give one of their own. */
  readonly ask?: typeof fetch;
  readonly now?: () => number;
}

const hour = 3_600_000;
/** A request that every managed rule set recognises as an attack. */
const attack = '?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E';

/**
 * Looks at a deployed stage for what no machine of ours can show: whether the proxy pins connections, whether everything is encrypted with the stage's keys,
 * whether strangers are kept out of the bucket, whether functions and the database reach no more than they must, and whether the firewall answers an
 * attack; says what cannot be proven. Changes nothing.
 * @throws CommandError where the stage is not deployed
 */
export async function prove({
  clients,
  stage,
  ask = fetch,
  now = Date.now,
}: ProveOptions): Promise<readonly Finding[]> {
  const names = stackNames(stage.name);
  const [data, service] = await Promise.all([findStack(clients, names.data), findStack(clients, names.service)]);
  const url = outputOf(service, 'ApiUrl');
  if (!data?.StackId || !service?.StackId || url === undefined)
    throw new CommandError(`There is no stage "${stage.name}" in ${clients.region}.`);
  const resources = [
    ...(await stackResources(clients, data.StackId)),
    ...(await stackResources(clients, service.StackId)),
  ];
  const idsOf = (type: string): string[] =>
    resources
      .filter(({ ResourceType }) => ResourceType === type)
      .map(({ PhysicalResourceId }) => PhysicalResourceId ?? '');
  const functions = idsOf('AWS::Lambda::Function').filter((id) => !/BucketNotificationsHandler/.test(id));
  const looks: [string, Promise<Finding | readonly Finding[]>][] = [
    ['encryption', provesEncryption(clients, stage, functions, idsOf)],
    ['ways out of functions', keepsFunctionsIn(clients, stage, functions)],
    ['ways out of the database', keepsDataIn(clients, stage)],
    ['strangers', keepsStrangersOut(ask, outputOf(data, 'BucketName') ?? '', clients.region)],
    ...idsOf('AWS::RDS::DBProxy').map((proxy): [string, Promise<Finding>] => [
      'pinning',
      pinsNothing(clients, proxy, now()),
    ]),
    ...(stage.api.firewall ? [['firewall', stopsAttacks(ask, url)] satisfies [string, Promise<Finding>]] : []),
  ];
  return [...(await lookAtAll(looks)), unproven];
}

/** Services that a role has used are on record, but reads of objects, messages and keys, and most single actions, are not. */
const unproven = warning(
  'rights',
  'not proven: an account does not keep which single rights a role has used, so that one which nobody needs cannot be seen here. npm run iam:diff compares all of them with what tests of the whole system used.',
);

/** A connection that is pinned serves one client: a pool of pinned ones is none. */
async function pinsNothing({ alarms }: Clients, ProxyName: string, now: number): Promise<Finding> {
  const subject = 'pinning';
  const { Datapoints = [] } = await alarms.send(
    new GetMetricStatisticsCommand({
      Namespace: 'AWS/RDS',
      MetricName: 'DatabaseConnectionsCurrentlySessionPinned',
      Dimensions: [{ Name: 'ProxyName', Value: ProxyName }],
      StartTime: new Date(now - hour),
      EndTime: new Date(now),
      Period: 60,
      Statistics: ['Maximum'],
    }),
  );
  if (Datapoints.length === 0)
    return problem(
      subject,
      'Nobody has used the proxy within an hour: npm run deploy, whose end is a question, then look again.',
    );
  const most = Math.max(...Datapoints.map(({ Maximum = 0 }) => Maximum));
  return most === 0
    ? fine(subject, 'no connection was pinned within an hour')
    : problem(subject, `${most} connections were pinned at once: the log of the proxy says by which statement.`);
}

async function provesEncryption(
  clients: Clients,
  { name }: StageSettings,
  functions: readonly string[],
  idsOf: (type: string) => string[],
): Promise<Finding> {
  const subject = 'encryption';
  const keys = idsOf('AWS::KMS::Key');
  const isOurs = (key: string | undefined): boolean => keys.some((id) => key?.endsWith(id));
  const open: string[] = [];
  for (const FunctionName of functions) {
    const { KMSKeyArn } = await clients.functions.send(new GetFunctionConfigurationCommand({ FunctionName }));
    if (!isOurs(KMSKeyArn)) open.push(`environment of ${FunctionName}`);
  }
  for (const Bucket of idsOf('AWS::S3::Bucket').filter((id) => !/accesslogs/i.test(id))) {
    const { ServerSideEncryptionConfiguration } = await clients.objects.send(
      new GetBucketEncryptionCommand({ Bucket }),
    );
    const [rule] = ServerSideEncryptionConfiguration?.Rules ?? [];
    if (!isOurs(rule?.ApplyServerSideEncryptionByDefault?.KMSMasterKeyID)) open.push(`bucket ${Bucket}`);
  }
  const { DBClusters = [] } = await clients.databases.send(
    new DescribeDBClustersCommand({ DBClusterIdentifier: `dbrag-${name}` }),
  );
  for (const { StorageEncrypted, KmsKeyId } of DBClusters)
    if (!StorageEncrypted || !isOurs(KmsKeyId)) open.push('the database');
  return open.length === 0
    ? fine(subject, 'functions, buckets and database use the keys of the stage')
    : problem(
        subject,
        `${open.join(', ')}: not under a key of the stage, so deploy again and look for who changed it.`,
      );
}

async function keepsStrangersOut(ask: typeof fetch, bucket: string, region: string): Promise<Finding> {
  const subject = 'strangers';
  const { status } = await ask(`https://${bucket}.s3.${region}.amazonaws.com/?list-type=2`);
  return status === 403
    ? fine(subject, 'the bucket answers them 403')
    : problem(
        subject,
        `The bucket answers them ${status}: look at its policy and at the account's public access settings.`,
      );
}

async function stopsAttacks(ask: typeof fetch, url: string): Promise<Finding> {
  const subject = 'firewall';
  const [attacked, plain] = [await ask(new URL(`health${attack}`, url)), await ask(new URL('health', url))];
  return attacked.status === 403 && plain.ok
    ? fine(subject, 'an attack is answered 403, a question is let through')
    : problem(
        subject,
        `An attack is answered ${attacked.status}, a question ${plain.status}: look at the rules of the web ACL.`,
      );
}
