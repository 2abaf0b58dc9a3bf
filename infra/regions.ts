interface Region {
  readonly name: string;
  /** Availability zones that any account gets. */
  readonly zones: 2 | 3;
}

const regionsWith = (zones: 2 | 3, names: readonly string[]): Region[] => names.map((name) => ({ name, zones }));

/**
 * Regions that have everything a stage may ask for: Aurora Serverless v2 that pauses, RDS Proxy, ElastiCache Serverless, Lambda on
 * arm64, answers in streams by REST APIs, AWS Backup. Kept short on purpose, as of November 2026: a region that is not here is
 * added when somebody has looked all of them up.
 */
const regions: readonly Region[] = [
  ...regionsWith(3, ['us-east-1', 'us-east-2', 'us-west-2', 'ca-central-1', 'sa-east-1']),
  ...regionsWith(2, ['us-west-1']),
  ...regionsWith(3, ['eu-central-1', 'eu-north-1', 'eu-west-1', 'eu-west-2', 'eu-west-3']),
  ...regionsWith(3, ['ap-northeast-1', 'ap-northeast-2', 'ap-south-1', 'ap-southeast-1', 'ap-southeast-2']),
];

const regionNames: readonly string[] = regions.map(({ name }) => name);

/** @returns what is wrong with deploying there, as the rest of a sentence; undefined if nothing is */
export function regionComplaint(setting: string, name: string, zones: 2 | 3): string | undefined {
  const region = regions.find((one) => one.name === name);
  if (!region)
    return `${setting} must be a region that has every service (${regionNames.join(', ')}), and "${name}" is not known to be one: add it to infra/regions.ts once you have looked.`;
  if (region.zones < zones)
    return `${setting} "${name}" gives accounts ${region.zones} availability zones, so network.availabilityZones must be ${region.zones}.`;
  return undefined;
}
