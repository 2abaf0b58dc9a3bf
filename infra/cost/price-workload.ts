import { capacityOf, firstVolumeGigabytes, resourcesOf, type Template } from './price-resources.ts';
import { type CostLine, daysOfMonth, hoursOfMonth, type PriceName } from './prices.ts';
import {
  gigabytesOfTable,
  graphGigabytesOfUnit,
  leastCapacityInUse,
  metricsInUse,
  ofDocument,
  ofGraph,
  ofQuery,
  type Workload,
} from './workloads.ts';

/** The cost of a workload on top of the idle floor of its stage. */
export interface WorkloadCost {
  readonly lines: readonly CostLine[];
  /** Capacity units that every instance needs. */
  readonly capacity: number;
  /** False: the stage's cluster may not grow as far. It answers more slowly then, from its disk, and costs what its maximum costs. */
  readonly fits: boolean;
}

/** @param templates of the stage */
export function workloadCost(templates: readonly Template[], workload: Workload): WorkloadCost {
  const needed = capacityFor(workload);
  const { minimum, maximum } = capacityOf(templates);
  const capacity = Math.min(maximum, Math.max(minimum, needed));
  const instances = resourcesOf(templates, 'AWS::RDS::DBInstance').length;
  const aboveFloor = (capacity - minimum) * instances * hoursOfMonth * (workload.hoursPerDay / 24);
  return {
    capacity,
    fits: needed <= maximum,
    lines: [
      { what: 'Aurora', price: 'auroraCapacityUnitHour', amount: aboveFloor },
      ...storedLines(workload),
      ...copyLines(templates, workload),
      ...queryLines(templates, workload),
    ],
  };
}

function storedLines({ documents, tables }: Workload): CostLine[] {
  return [
    { what: 'Aurora', price: 'auroraStorageGigabyteMonth', amount: gigabytesOfDatabase(documents, tables) },
    { what: 'files', price: 'objectGigabyteMonth', amount: documents * ofDocument.fileGigabytes },
  ];
}

/** A copy of the cluster is whole every night, one of the buckets what is new; both are kept for their days. */
function copyLines(templates: readonly Template[], { documents, tables }: Workload): CostLine[] {
  const copy = resourcesOf(templates, 'AWS::Backup::BackupPlan')[0]?.BackupPlan.BackupPlanRule[0].CopyActions[0];
  if (!copy) return [];
  const database = gigabytesOfDatabase(documents, tables) + firstVolumeGigabytes;
  const files = documents * ofDocument.fileGigabytes;
  return [
    {
      what: 'copies of backups',
      price: 'auroraBackupGigabyteMonth',
      amount: database * copy.Lifecycle.DeleteAfterDays,
    },
    { what: 'copies of backups', price: 'objectBackupGigabyteMonth', amount: 2 * files },
    { what: 'copies of backups', price: 'regionGigabyte', amount: database * daysOfMonth + files },
  ];
}

function gigabytesOfDatabase(documents: number, tables: number): number {
  const chunks = documents * ofDocument.chunks;
  return chunks * (ofDocument.gigabytesOfChunk + graphOfChunk(chunks)) + tables * gigabytesOfTable;
}

function queryLines(templates: readonly Template[], workload: Workload): CostLine[] {
  const queries = workload.queriesPerDay * daysOfMonth;
  const chunks = workload.documents * ofDocument.chunks;
  const has = (type: string) => resourcesOf(templates, type).length > 0;
  const line = (what: string, price: PriceName, amountOfQuery: number): CostLine => ({
    what,
    price,
    amount: queries * amountOfQuery,
  });
  const engine = resourcesOf(templates, 'AWS::ElastiCache::ServerlessCache')[0]?.Engine;
  const seconds = ofQuery.functionSeconds * ofQuery.functionGigabytes + ofQuery.auditSeconds;
  const reads = ofQuery.databaseRequests + (chunks > ofGraph.mostOnVectors ? ofGraph.vectorsReadOnSigns : 0);
  const gateway = ofQuery.sentGigabytes + ofQuery.receivedGigabytes;
  return [
    line('API', 'apiRequest', 1),
    line('functions', 'functionRequest', 2),
    line('functions', 'functionGigabyteSecond', seconds),
    line('Aurora', 'auroraRequest', reads),
    line('polling of queues', 'queueRequest', ofQuery.auditRequests),
    line('keys', 'keyRequest', ofQuery.keyRequests),
    line('logs, metrics, traces', 'logGigabyte', ofQuery.logGigabytes),
    line('logs, metrics, traces', 'trace', 1),
    { what: 'logs, metrics, traces', price: 'metricMonth', amount: metricsInUse * (workload.hoursPerDay / 24) },
    line('traffic', 'internetGigabyte', ofQuery.sentGigabytes),
    ...(has('AWS::EC2::FlowLog') ? [line('flow logs', 'logGigabyte', ofQuery.flowLogGigabytes)] : []),
    ...(has('AWS::EC2::NatGateway') ? [line('NAT', 'natGatewayGigabyte', gateway)] : []),
    ...(has('AWS::WAFv2::WebACL') ? [line('firewall', 'firewallRequest', 1)] : []),
    ...(engine === 'valkey' ? [line('cache', 'valkeyProcessingUnit', ofQuery.cacheUnits)] : []),
    ...(engine === 'redis' ? [line('cache', 'redisProcessingUnit', ofQuery.cacheUnits)] : []),
  ];
}

const graphOfChunk = (chunks: number): number =>
  chunks <= ofGraph.mostOnVectors ? ofGraph.onVectors : ofGraph.onSigns;

/** In the halves that Aurora counts in. */
function capacityFor({ documents }: Workload): number {
  const chunks = documents * ofDocument.chunks;
  const units = leastCapacityInUse + (chunks * graphOfChunk(chunks)) / graphGigabytesOfUnit;
  return Math.ceil(units * 2) / 2;
}
