/** The day on which these were last compared with the providers' pages. Check before you rely on one. */
export const pricesAsOf = '2026-11-30';
export const pricesRegion = 'us-east-1';

/** Hours of a month, as AWS counts them. */
export const hoursOfMonth = 730;
export const daysOfMonth = hoursOfMonth / 24;
const million = 1_000_000;

/**
 * The one table of what AWS asks, in US dollars for one of what the name says, on demand, without the free tier and taxes. Other regions ask up
 * to a third more. What models cost stands in `shared/usage/prices.ts`.
 */
export const prices = {
  auroraCapacityUnitHour: 0.12,
  auroraStorageGigabyteMonth: 0.1,
  auroraRequest: 0.2 / million,
  /** Beyond one day of the volume's size, which is free. */
  auroraBackupGigabyteMonth: 0.021,
  proxyCapacityUnitHour: 0.015,
  natGatewayHour: 0.045,
  natGatewayGigabyte: 0.045,
  natInstanceHour: 0.0042,
  diskGigabyteMonth: 0.08,
  publicAddressHour: 0.005,
  endpointZoneHour: 0.01,
  endpointGigabyte: 0.01,
  valkeyGigabyteHour: 0.084,
  valkeyProcessingUnit: 0.0023 / million,
  redisGigabyteHour: 0.125,
  redisProcessingUnit: 0.0034 / million,
  keyMonth: 1,
  keyRequest: 0.03 / 10_000,
  secretMonth: 0.4,
  secretRequest: 0.05 / 10_000,
  alarmMonth: 0.1,
  compositeAlarmMonth: 0.5,
  dashboardMonth: 3,
  metricMonth: 0.3,
  logGigabyte: 0.5,
  logGigabyteMonth: 0.03,
  queueRequest: 0.4 / million,
  functionGigabyteSecond: 0.0000133334,
  /** Of environments that are kept started, whether they work or not. */
  functionProvisionedGigabyteSecond: 0.0000033334,
  functionRequest: 0.2 / million,
  apiRequest: 3.5 / million,
  trace: 5 / million,
  eventTold: 1 / million,
  firewallMonth: 5,
  firewallRuleMonth: 1,
  firewallRequest: 0.6 / million,
  objectGigabyteMonth: 0.023,
  objectWrite: 0.005 / 1_000,
  objectRead: 0.0004 / 1_000,
  internetGigabyte: 0.09,
  regionGigabyte: 0.02,
  objectBackupGigabyteMonth: 0.05,
  budgetMonth: 0,
} as const;

export type PriceName = keyof typeof prices;

/** So much of one thing in a month. */
export interface CostLine {
  readonly what: string;
  readonly price: PriceName;
  readonly amount: number;
}

/** @returns US dollars a month */
export const dollarsOf = ({ price, amount }: CostLine): number => prices[price] * amount;

export const sumOf = (lines: readonly CostLine[]): number => lines.reduce((sum, line) => sum + dollarsOf(line), 0);
