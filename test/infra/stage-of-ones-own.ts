import { defineStage } from '../../infra/define-stage.ts';
import { production } from '../../infra/stages.ts';

/** A stage that uses every setting which no stage of ours does: a network, a name, a region, a boundary, copies of its own. */
export const stageOfOnesOwn = defineStage({
  ...production,
  name: 'own',
  network: {
    ...production.network,
    egress: 'existing',
    existing: {
      vpcId: 'vpc-0123456789abcdef0',
      addresses: '10.1.0.0/16',
      zones: ['eu-central-1a', 'eu-central-1b', 'eu-central-1c'],
      functionSubnets: ['subnet-000000000000000fa', 'subnet-000000000000000fb', 'subnet-000000000000000fc'],
      dataSubnets: ['subnet-000000000000000da', 'subnet-000000000000000db', 'subnet-000000000000000dc'],
    },
  },
  // What its model feeds is less than what its database could take.
  models: { ...production.models, tokensPerMinute: 2_000_000, requestsPerMinute: 3_000 },
  api: {
    ...production.api,
    tls: '1.2',
    provisionedConcurrency: { buffered: 10, streaming: 4 },
    domain: {
      name: 'ask.example.com',
      certificateArn: 'arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d',
      hostedZone: { id: 'Z0123456789', name: 'example.com' },
    },
  },
  operations: {
    ...production.operations,
    alarmEmail: 'on-call@example.com',
    region: 'eu-central-1',
    permissionsBoundary: 'arn:aws:iam::123456789012:policy/boundary',
    bootstrapQualifier: 'acme',
    backupCopies: { region: 'eu-west-1', days: 90, vault: 'second-home' },
    budget: { monthlyDollars: 3_000, of: 'stage' },
  },
});
