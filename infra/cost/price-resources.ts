import { freeTypes } from './free-types.ts';
import { type CostLine, daysOfMonth, hoursOfMonth } from './prices.ts';

/** A value of a template: anything that JSON holds. */
// biome-ignore lint/suspicious/noExplicitAny: templates are walked by path, and what is missing is told by type.
type Json = any;

export interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties?: Json }>>;
}

interface Found {
  readonly id: string;
  readonly properties: Json;
  /** All templates of the stage. */
  readonly all: readonly Template[];
}

/** Lambda looks into each queue by five long polls of 20 seconds, whatever is in it. */
const pollsOfMonth = 5 * 3 * 60 * hoursOfMonth;
/** Least that a serverless cache is charged for. */
const leastCacheGigabytes = { valkey: 0.1, redis: 1 } as const;
/** Least that a proxy before a serverless cluster is charged for. */
const leastProxyCapacity = 8;
/** The disk size of Amazon Linux. */
const instanceDiskGigabytes = 8;
export const firstVolumeGigabytes = 1;
/** A night's pass wakes a cluster that pauses: at one unit, for its minute of work and until it pauses again. */
const nightlyWorkSeconds = 60;
const wakingCapacity = 1;
/** Addresses all over the internet knock at a public one; answers of health checks and of one night's pass. */
const idleFlowGigabytes = 0.1;

const hourly = (what: string, price: CostLine['price'], units = 1): CostLine[] => [
  { what, price, amount: units * hoursOfMonth },
];
const monthly = (what: string, price: CostLine['price'], amount = 1): CostLine[] => [{ what, price, amount }];

const pricers: Readonly<Record<string, (found: Found) => CostLine[]>> = {
  'AWS::CloudWatch::Alarm': ({ properties }) => monthly('alarms', 'alarmMonth', metricsOfAlarm(properties)),
  'AWS::CloudWatch::CompositeAlarm': () => monthly('alarms', 'compositeAlarmMonth'),
  'AWS::CloudWatch::Dashboard': () => monthly('dashboard', 'dashboardMonth'),
  'AWS::EC2::EIP': () => hourly('NAT', 'publicAddressHour'),
  'AWS::EC2::FlowLog': () => monthly('flow logs', 'logGigabyte', idleFlowGigabytes),
  'AWS::EC2::Instance': instance,
  'AWS::EC2::NatGateway': () => hourly('NAT', 'natGatewayHour'),
  'AWS::EC2::VPCEndpoint': ({ properties }) =>
    properties.VpcEndpointType === 'Interface'
      ? hourly('interface endpoints', 'endpointZoneHour', properties.SubnetIds.length)
      : [],
  'AWS::ElastiCache::ServerlessCache': ({ properties }) =>
    properties.Engine === 'valkey'
      ? hourly('cache', 'valkeyGigabyteHour', leastCacheGigabytes.valkey)
      : hourly('cache', 'redisGigabyteHour', leastCacheGigabytes.redis),
  'AWS::KMS::Key': () => monthly('keys', 'keyMonth'),
  'AWS::Lambda::Alias': alias,
  'AWS::Lambda::EventSourceMapping': () => monthly('polling of queues', 'queueRequest', pollsOfMonth),
  'AWS::RDS::DBCluster': cluster,
  'AWS::RDS::DBInstance': databaseInstance,
  'AWS::RDS::DBProxy': () => hourly('RDS Proxy', 'proxyCapacityUnitHour', leastProxyCapacity),
  // An interface endpoint in each subnet; the first one of a proxy is free.
  'AWS::RDS::DBProxyEndpoint': ({ properties }) =>
    hourly('RDS Proxy', 'endpointZoneHour', properties.VpcSubnetIds.length),
  'AWS::SecretsManager::Secret': () => monthly('secrets', 'secretMonth'),
  'AWS::WAFv2::WebACL': ({ properties }) => [
    ...monthly('firewall', 'firewallMonth'),
    ...monthly('firewall', 'firewallRuleMonth', properties.Rules.length),
  ],
};

/**
 * The monthly cost of a stage's resources while it is idle.
 * @throws Error naming a type that has no price, or a size that has none
 */
export function idleCosts(templates: readonly Template[]): readonly CostLine[] {
  return templates.flatMap(({ Resources }) =>
    Object.entries(Resources).flatMap(([id, { Type, Properties = {} }]) => {
      if (freeTypes.has(Type)) return [];
      const price = pricers[Type];
      if (!price)
        throw new Error(
          `${Type} (${id}) has no price: add it to infra/cost/price-resources.ts, or to free-types.ts if it costs nothing.`,
        );
      return price({ id, properties: Properties, all: templates });
    }),
  );
}

/** The cluster's least and most capacity. */
export function capacityOf(templates: readonly Template[]): { readonly minimum: number; readonly maximum: number } {
  const scaling = resourcesOf(templates, 'AWS::RDS::DBCluster')[0]?.ServerlessV2ScalingConfiguration;
  if (!scaling) throw new Error('There is no serverless cluster in these templates.');
  return { minimum: scaling.MinCapacity, maximum: scaling.MaxCapacity };
}

/** Properties of all resources of a type. */
export function resourcesOf(templates: readonly Template[], type: string): readonly Json[] {
  return templates.flatMap(({ Resources }) =>
    Object.values(Resources)
      .filter(({ Type }) => Type === type)
      .map(({ Properties = {} }) => Properties),
  );
}

/** An alarm on an expression is charged for each metric in it. */
function metricsOfAlarm({ Metrics = [] }: Json): number {
  return Math.max(1, Metrics.filter(({ MetricStat }: Json) => MetricStat).length);
}

function instance({ id, properties }: Found): CostLine[] {
  if (properties.InstanceType !== 't4g.nano') throw new Error(`${properties.InstanceType} (${id}) has no price.`);
  return [
    ...hourly('NAT', 'natInstanceHour'),
    ...hourly('NAT', 'publicAddressHour'),
    ...monthly('NAT', 'diskGigabyteMonth', instanceDiskGigabytes),
  ];
}

/** Nothing but what it keeps started. */
function alias({ id, properties, all }: Found): CostLine[] {
  const kept = properties.ProvisionedConcurrencyConfig?.ProvisionedConcurrentExecutions ?? 0;
  if (kept === 0) return [];
  const { Properties: fn } = all.map(({ Resources }) => Resources[properties.FunctionName?.Ref]).find(Boolean) ?? {};
  if (!fn?.MemorySize) throw new Error(`The function of ${id} is not in these templates.`);
  const gigabytes = (kept * fn.MemorySize) / 1_024;
  return monthly('provisioned functions', 'functionProvisionedGigabyteSecond', gigabytes * hoursOfMonth * 3_600);
}

function cluster({ properties }: Found): CostLine[] {
  const { MinCapacity: minimum, SecondsUntilAutoPause: pause } = properties.ServerlessV2ScalingConfiguration;
  const wakes = ((pause + nightlyWorkSeconds) / 3_600) * daysOfMonth * wakingCapacity;
  return [
    ...monthly('Aurora', 'auroraStorageGigabyteMonth', firstVolumeGigabytes),
    ...(minimum === 0 ? monthly('Aurora', 'auroraCapacityUnitHour', wakes) : []),
    // RDS keeps the master's password in a secret of its own.
    ...(properties.ManageMasterUserPassword ? monthly('secrets', 'secretMonth') : []),
  ];
}

function databaseInstance({ id, properties, all }: Found): CostLine[] {
  if (properties.DBInstanceClass !== 'db.serverless')
    throw new Error(`${properties.DBInstanceClass} (${id}) has no price.`);
  return hourly('Aurora', 'auroraCapacityUnitHour', capacityOf(all).minimum);
}
