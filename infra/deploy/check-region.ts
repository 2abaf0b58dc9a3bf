import { DescribeOrderableDBInstanceOptionsCommand } from '@aws-sdk/client-rds';
import { GetParametersByPathCommand } from '@aws-sdk/client-ssm';
import type { StageSettings } from '../stage-settings.ts';
import type { Clients } from './clients.ts';
import { type Finding, fine, problem, warning } from './finding.ts';

const subject = 'region';

/** As AWS names them in its list of what a region offers. */
const servicesOf = ({ cache, api }: StageSettings): readonly string[] => [
  'lambda',
  'apigateway',
  'rds',
  's3',
  'sqs',
  'kms',
  'secretsmanager',
  'events',
  'cloudwatch',
  ...(cache.enabled ? ['elasticache'] : []),
  ...(api.firewall ? ['waf'] : []),
];

/** Whether the region has every service of the stage, and Aurora in its version. */
export async function checkRegion(clients: Clients, stage: StageSettings): Promise<Finding> {
  const { region } = clients;
  const offered = await servicesIn(clients);
  const missing = offered.size === 0 ? [] : servicesOf(stage).filter((service) => !offered.has(service));
  if (missing.length > 0)
    return problem(subject, `${region} does not offer ${missing.join(', ')}: deploy to another region.`);
  const { engineVersion } = stage.database;
  if (!(await offersAurora(clients, engineVersion)))
    return problem(
      subject,
      `${region} does not offer Aurora PostgreSQL ${engineVersion} as Serverless v2: deploy to another region, or change database.engineVersion of the stage.`,
    );
  return offered.size === 0
    ? warning(subject, `${region} offers Aurora PostgreSQL ${engineVersion}; AWS does not list its other services.`)
    : fine(subject, `${region} offers everything, Aurora PostgreSQL ${engineVersion} included`);
}

async function servicesIn({ regionCatalog, region }: Clients): Promise<ReadonlySet<string>> {
  const services = new Set<string>();
  let NextToken: string | undefined;
  do {
    const page = await regionCatalog.send(
      new GetParametersByPathCommand({
        Path: `/aws/service/global-infrastructure/regions/${region}/services`,
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    );
    for (const { Value } of page.Parameters ?? []) if (Value !== undefined) services.add(Value);
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return services;
}

async function offersAurora({ databases }: Clients, version: string): Promise<boolean> {
  const { OrderableDBInstanceOptions = [] } = await databases.send(
    new DescribeOrderableDBInstanceOptionsCommand({
      Engine: 'aurora-postgresql',
      EngineVersion: version,
      DBInstanceClass: 'db.serverless',
      MaxRecords: 20,
    }),
  );
  return OrderableDBInstanceOptions.length > 0;
}
