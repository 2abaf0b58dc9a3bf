import { DescribeAddressesCommand, DescribeVpcsCommand } from '@aws-sdk/client-ec2';
import { GetAccountSettingsCommand } from '@aws-sdk/client-lambda';
import { GetServiceQuotaCommand } from '@aws-sdk/client-service-quotas';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { type Finding, fine, problem } from './finding.ts';

/** Lambda keeps this many executions for functions without reserved concurrency. */
const unreservedByLambda = 100;

const quotaOf = {
  vpcs: { ServiceCode: 'vpc', QuotaCode: 'L-F678F1CE', name: 'VPCs per Region' },
  addresses: { ServiceCode: 'ec2', QuotaCode: 'L-0263D0A3', name: 'EC2-VPC Elastic IPs' },
} as const;

/**
 * Whether the account has room for the stage. A stack that stands already has taken its own: that of the data a network and addresses, that of the
 * service executions.
 */
export async function checkQuotas(
  clients: Clients,
  stage: StageSettings,
  isDeployed: { readonly data: boolean; readonly service: boolean },
): Promise<Finding[]> {
  return isDeployed.data
    ? [await checkConcurrency(clients, stage, isDeployed.service)]
    : Promise.all([
        checkConcurrency(clients, stage, isDeployed.service),
        checkNetworks(clients, stage.network.existing ? 0 : 1),
        checkAddresses(clients, stage.network.egress === 'nat-gateway-per-zone' ? stage.network.availabilityZones : 0),
      ]);
}

async function checkConcurrency({ functions }: Clients, stage: StageSettings, isDeployed: boolean): Promise<Finding> {
  const subject = 'quota: concurrent executions';
  const { buffered, streaming } = stage.api.reservedConcurrency;
  const { AccountLimit } = await functions.send(new GetAccountSettingsCommand({}));
  const all = AccountLimit?.ConcurrentExecutions ?? 0;
  const unreserved = AccountLimit?.UnreservedConcurrentExecutions ?? 0;
  const wanted = isDeployed ? 0 : buffered + streaming;
  if (unreserved - wanted < unreservedByLambda)
    return problem(
      subject,
      `The account has ${all}, of which ${unreserved} are free; the stage reserves ${buffered + streaming} and Lambda keeps ${unreservedByLambda}: ask for more of "Concurrent executions" in Service Quotas, or lower api.reservedConcurrency of the stage.`,
    );
  return fine(subject, `${unreserved} of ${all} are free`);
}

async function checkNetworks(clients: Clients, wanted: number): Promise<Finding> {
  const { Vpcs = [] } = await clients.network.send(new DescribeVpcsCommand({}));
  return room(clients, quotaOf.vpcs, Vpcs.length, wanted);
}

async function checkAddresses(clients: Clients, wanted: number): Promise<Finding> {
  const { Addresses = [] } = await clients.network.send(new DescribeAddressesCommand({}));
  return room(clients, quotaOf.addresses, Addresses.length, wanted);
}

type KnownQuota = (typeof quotaOf)[keyof typeof quotaOf];

async function room({ quotas }: Clients, quota: KnownQuota, used: number, wanted: number): Promise<Finding> {
  const { name, ...code } = quota;
  const subject = `quota: ${name}`;
  const { Quota } = await quotas.send(new GetServiceQuotaCommand(code));
  const limit = Quota?.Value ?? 0;
  return used + wanted > limit
    ? problem(
        subject,
        `${used} of ${limit} are used and the stage needs ${wanted}: ask for more of "${name}" in Service Quotas, or remove some.`,
      )
    : fine(subject, `${used} of ${limit} are used, the stage needs ${wanted}`);
}
