import { regionComplaint } from './regions.ts';
import { type Check, isNetwork, isWhole } from './stage-check.ts';
import type { DomainSettings, ExistingNetwork, StageSettings } from './stage-settings.ts';

const hostName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;

/** What a stage says of the account, the region, the network and the name that it lives under. */
export const placementChecks: readonly Check[] = [
  ({ network: { egress, existing } }) =>
    (egress === 'existing') !== (existing !== null) &&
    'network.egress must be "existing" exactly where network.existing names a network.',
  ({ network }) => network.existing !== null && existingComplaint(network.existing, network.availabilityZones),

  ({ api }) => api.domain !== null && domainComplaint(api.domain),
  ({ api }) =>
    api.tls !== '1.2' && api.tls !== '1.3' && 'api.tls must be "1.3", or "1.2" for clients that know nothing newer.',

  ({ operations: { region }, network }) =>
    region !== null && regionComplaint('operations.region', region, network.availabilityZones),
  ({ operations: { permissionsBoundary: arn } }) =>
    arn !== null &&
    !/^arn:aws[a-z-]*:iam::(\d{12}|aws):policy\/[\w+=,.@/-]{1,512}$/.test(arn) &&
    'operations.permissionsBoundary must be the ARN of a managed policy (arn:aws:iam::<account>:policy/<name>) or null.',
  ({ operations: { bootstrapQualifier } }) =>
    bootstrapQualifier !== null &&
    !/^[a-z0-9]{1,10}$/i.test(bootstrapQualifier) &&
    'operations.bootstrapQualifier must be 1 to 10 letters and digits, as given to `cdk bootstrap --qualifier`, or null.',
  ({ operations: { budget } }) =>
    budget !== null &&
    !(Number.isFinite(budget.monthlyDollars) && budget.monthlyDollars > 0) &&
    'operations.budget.monthlyDollars must be above 0; to have no budget, set operations.budget to null.',
  (stage) => copiesComplaint(stage),
];

function existingComplaint(network: ExistingNetwork, zones: number): string | undefined {
  const { vpcId, addresses, functionSubnets, dataSubnets } = network;
  if (!/^vpc-[0-9a-f]{8,17}$/.test(vpcId)) return 'network.existing.vpcId must be like vpc-0123456789abcdef0.';
  if (!isNetwork(addresses)) return 'network.existing.addresses must be the network of the VPC in CIDR notation.';
  if (new Set(network.zones).size !== zones || network.zones.length !== zones)
    return `network.existing.zones must name ${zones} zones, as many as network.availabilityZones.`;
  const subnets = [...functionSubnets, ...dataSubnets];
  if (subnets.some((subnet) => !/^subnet-[0-9a-f]{8,17}$/.test(subnet)))
    return 'network.existing must name subnets like subnet-0123456789abcdef0.';
  if (functionSubnets.length !== zones)
    return `network.existing.functionSubnets must name one private subnet in each of the ${zones} zones, with a way out to port 443: make them in the VPC, or leave network.existing null.`;
  if (dataSubnets.length !== zones)
    return `network.existing.dataSubnets must name one subnet without a way out in each of the ${zones} zones: make them in the VPC, or leave network.existing null.`;
  if (new Set(subnets).size !== subnets.length)
    return 'network.existing must name each subnet once: the database stands apart from the functions.';
  return undefined;
}

function domainComplaint({ name, certificateArn, hostedZone }: DomainSettings): string | undefined {
  if (!hostName.test(name)) return 'api.domain.name must be a host name in lower case, like ask.example.com.';
  if (!/^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate\/[\w-]+$/.test(certificateArn))
    return 'api.domain.certificateArn must be the ARN of a certificate of Certificate Manager (arn:aws:acm:<region>:<account>:certificate/<id>).';
  if (hostedZone !== null && !(name === hostedZone.name || name.endsWith(`.${hostedZone.name}`)))
    return `api.domain.hostedZone must be the zone that api.domain.name lies in, and ${name} is not in ${hostedZone.name}.`;
  return undefined;
}

/** A copy beside the original is none, and one that outlives the year would outlive the promise of an erasure. */
function copiesComplaint({ operations: { backupCopies, region } }: StageSettings): string | false | undefined {
  if (backupCopies === null) return false;
  if (!isWhole(backupCopies.days, 1, 365)) return 'operations.backupCopies.days must be 1 to 365.';
  if (backupCopies.vault !== undefined && !/^[A-Za-z0-9_-]{2,50}$/.test(backupCopies.vault))
    return 'operations.backupCopies.vault must be 2 to 50 letters, digits, hyphens or underscores.';
  if (region === null)
    return 'operations.backupCopies needs operations.region, so that the copies surely lie in another one.';
  if (backupCopies.region === region) return 'operations.backupCopies.region must differ from operations.region.';
  return regionComplaint('operations.backupCopies.region', backupCopies.region, 2);
}
