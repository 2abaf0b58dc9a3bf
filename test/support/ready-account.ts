import type { Finding } from '../../infra/deploy/finding.ts';
import type { GivenKey } from '../../infra/deploy/model-key.ts';
import { preflight } from '../../infra/deploy/preflight.ts';
import type { StageSettings } from '../../infra/stage-settings.ts';
import { small } from '../../infra/stages.ts';
import { type Answers, awsError, stubAccount } from './stub-account.ts';

export const services = [
  'lambda',
  'apigateway',
  'rds',
  's3',
  'sqs',
  'kms',
  'secretsmanager',
  'events',
  'cloudwatch',
  'elasticache',
  'waf',
];
export const listed = (names: readonly string[]) => ({ Parameters: names.map((Value) => ({ Value })) });

/** An account in which nothing stands in the way of a first deploy. */
export const ready: Answers = {
  GetCallerIdentity: () => ({ Account: '111122223333', Arn: 'arn:aws:iam::111122223333:user/somebody' }),
  DescribeStacks: () => awsError('ValidationError', 'Stack with id dbrag-small-data does not exist'),
  GetParametersByPath: () => listed(services),
  DescribeOrderableDBInstanceOptions: () => ({ OrderableDBInstanceOptions: [{}] }),
  GetParameter: () => ({ Parameter: { Value: '21' } }),
  GetAccountSettings: () => ({ AccountLimit: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 1_000 } }),
  DescribeVpcs: () => ({ Vpcs: [{}] }),
  DescribeAddresses: () => ({ Addresses: [] }),
  GetServiceQuota: () => ({ Quota: { Value: 5 } }),
};
/** The version of the CLI that the project pins. */
export const pinned = '2.1148.1';

/** What a look before a deploy finds in an account that is ready but for some changes, and what it asked for that. */
export async function look(
  changes: Answers = {},
  stage: StageSettings = small,
  modelKey: GivenKey = { value: 'sk-1', isMeant: true },
  output = pinned,
) {
  const { clients, sent } = stubAccount({ ...ready, ...changes });
  const findings = await preflight({ clients, stage, modelKey, cli: { output, pinned } });
  return { findings, sent };
}
export const problems = (findings: readonly Finding[]) => findings.filter(({ state }) => state === 'problem');
