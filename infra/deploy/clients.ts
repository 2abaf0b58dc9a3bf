import { CloudFormationClient } from '@aws-sdk/client-cloudformation';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { CodeDeployClient } from '@aws-sdk/client-codedeploy';
import { EC2Client } from '@aws-sdk/client-ec2';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { RDSClient } from '@aws-sdk/client-rds';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import type { StageSettings } from '../stage-settings.ts';

/** The AWS clients of the deployment commands, for one region. Tests pass others that answer from a table. */
export interface Clients {
  readonly region: string;
  readonly sts: Pick<STSClient, 'send'>;
  readonly parameters: Pick<SSMClient, 'send'>;
  /** AWS publishes what its regions offer in only some of them; this one is always queried. */
  readonly regionCatalog: Pick<SSMClient, 'send'>;
  readonly stacks: Pick<CloudFormationClient, 'send'>;
  readonly secrets: Pick<SecretsManagerClient, 'send'>;
  readonly functions: Pick<LambdaClient, 'send'>;
  readonly quotas: Pick<ServiceQuotasClient, 'send'>;
  readonly network: Pick<EC2Client, 'send'>;
  readonly databases: Pick<RDSClient, 'send'>;
  readonly objects: Pick<S3Client, 'send'>;
  readonly alarms: Pick<CloudWatchClient, 'send'>;
  readonly rollouts: Pick<CodeDeployClient, 'send'>;
  /** The same of another region. */
  readonly inRegion: (region: string) => Clients;
}

/** Clients for the region that a stage copies its backups to; undefined where it copies none. */
export function clientsOfCopies({ operations: { backupCopies } }: StageSettings): Clients | undefined {
  return backupCopies === null ? undefined : createClients(backupCopies.region);
}

const regionOfCatalog = 'us-east-1';

/** Clients with the credentials of the environment; nothing is asked before the first command. */
export function createClients(region: string): Clients {
  const settings = { region };
  return {
    region,
    sts: new STSClient(settings),
    parameters: new SSMClient(settings),
    regionCatalog: new SSMClient({ region: regionOfCatalog }),
    stacks: new CloudFormationClient(settings),
    secrets: new SecretsManagerClient(settings),
    functions: new LambdaClient(settings),
    quotas: new ServiceQuotasClient(settings),
    network: new EC2Client(settings),
    databases: new RDSClient(settings),
    objects: new S3Client(settings),
    alarms: new CloudWatchClient(settings),
    rollouts: new CodeDeployClient(settings),
    inRegion: createClients,
  };
}
