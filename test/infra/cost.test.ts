import { describe, expect, it } from 'vitest';
import { freeTypes } from '../../infra/cost/free-types.ts';
import { modelCost } from '../../infra/cost/price-models.ts';
import { idleCosts, type Template } from '../../infra/cost/price-resources.ts';
import { workloadCost } from '../../infra/cost/price-workload.ts';
import { dollarsOf, sumOf } from '../../infra/cost/prices.ts';
import { ofQuery, workloads } from '../../infra/cost/workloads.ts';
import { withTables } from '../../infra/cost/write-document.ts';
import { small } from '../../infra/stages.ts';
import { contextTokens } from '../../shared/answering/answer-question.ts';

type Resources = Template['Resources'];

const cluster = (minimum: number, maximum: number, instances = 1): Resources => ({
  Cluster: {
    Type: 'AWS::RDS::DBCluster',
    Properties: {
      ServerlessV2ScalingConfiguration: {
        MinCapacity: minimum,
        MaxCapacity: maximum,
        ...(minimum === 0 ? { SecondsUntilAutoPause: 300 } : {}),
      },
    },
  },
  ...Object.fromEntries(
    Array.from({ length: instances }, (_, at) => [
      `Instance${at}`,
      { Type: 'AWS::RDS::DBInstance', Properties: { DBInstanceClass: 'db.serverless' } },
    ]),
  ),
});
const dollars = (resources: Resources) => sumOf(idleCosts([{ Resources: resources }]));
const one = (Type: string, Properties: object = {}) => dollars({ One: { Type, Properties } });

describe('what stages cost', () => {
  it('is reckoned by what the providers say of a month', () => {
    expect(one('AWS::KMS::Key')).toBe(1);
    expect(one('AWS::EC2::NatGateway') + one('AWS::EC2::EIP')).toBeCloseTo(36.5);
    expect(one('AWS::EC2::Instance', { InstanceType: 't4g.nano' })).toBeCloseTo(7.36, 2);
    expect(one('AWS::ElastiCache::ServerlessCache', { Engine: 'valkey' })).toBeCloseTo(6.13, 2);
    expect(one('AWS::ElastiCache::ServerlessCache', { Engine: 'redis' })).toBeCloseTo(91.25, 2);
    expect(one('AWS::RDS::DBProxy')).toBeCloseTo(87.6);
    expect(one('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Interface', SubnetIds: ['a', 'b'] })).toBeCloseTo(14.6);
    expect(one('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' })).toBe(0);
    expect(dollars(cluster(0.5, 8)) - 0.1).toBeCloseTo(43.8);
    expect(dollars(cluster(0.5, 8, 3)) - 0.1).toBeCloseTo(3 * 43.8);
    // Thirty nights of six minutes.
    expect(dollars(cluster(0, 2)) - 0.1).toBeCloseTo(0.365, 2);
    expect([...freeTypes].reduce((sum, type) => sum + one(type), 0)).toBe(0);
  });

  it('counts environments that are kept started, by the memory of their function', () => {
    const kept = (ProvisionedConcurrentExecutions: number): Resources => ({
      Fn: { Type: 'AWS::Lambda::Function', Properties: { MemorySize: 512 } },
      Live: {
        Type: 'AWS::Lambda::Alias',
        Properties: { FunctionName: { Ref: 'Fn' }, ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions } },
      },
    });
    // Half a gigabyte for 730 hours.
    expect(dollars(kept(1))).toBeCloseTo(4.38, 2);
    expect(dollars(kept(10))).toBeCloseTo(43.8, 1);
    expect(one('AWS::Lambda::Alias', { FunctionName: { Ref: 'Fn' } })).toBe(0);
    expect(() => dollars({ ...kept(1), Fn: { Type: 'AWS::SQS::Queue' } })).toThrow('The function of Live is not in');
  });

  it('is not told of what has no price', () => {
    expect(() => one('AWS::Redshift::Cluster')).toThrow('AWS::Redshift::Cluster (One) has no price');
    expect(() => one('AWS::EC2::Instance', { InstanceType: 'm7g.large' })).toThrow('m7g.large (One) has no price');
    expect(() => dollars({ ...cluster(1, 2), Old: { Type: 'AWS::RDS::DBInstance', Properties: {} } })).toThrow('(Old)');
  });

  it('grows with what a stage is used for', () => {
    const templates = [{ Resources: cluster(0.5, 8, 2) }];
    const cost = (workload: Partial<(typeof workloads)['team']> | object) =>
      workloadCost(templates, { ...workloads.team, ...workload });
    const more = { documents: 1_000_000, queriesPerDay: 20_000, tables: 10_000, hoursPerDay: 24 };
    for (const [name, value] of Object.entries(more))
      expect(sumOf(cost({ [name]: value }).lines), name).toBeGreaterThan(sumOf(cost({}).lines));
    // Two instances that need half a unit more than they have anyway, within 16 hours.
    const capacity = cost({}).lines.find(({ price }) => price === 'auroraCapacityUnitHour');
    expect(cost({})).toMatchObject({ capacity: 1, fits: true });
    expect(capacity && dollarsOf(capacity)).toBeCloseTo(0.12 * 0.5 * 2 * 730 * (16 / 24));
    expect(cost({ documents: 100_000_000 })).toMatchObject({ capacity: 8, fits: false });
    expect(cost({ documents: 0, tables: 0, queriesPerDay: 0 }).capacity).toBe(0.5);
  });

  it('holds an answer to a tenth of a cent, or says why not', () => {
    expect(ofQuery.promptTokens).toBeGreaterThan(contextTokens);
    const { query } = modelCost(
      { chatModel: small.models.chatModel, embeddingModel: small.models.embedding.model },
      workloads.team,
    );
    const ofSources = (contextTokens * 0.75) / 1_000_000;
    // The document gives this figure and this reason.
    expect(query.toFixed(4)).toBe('0.0063');
    expect(ofSources).toBeGreaterThan(0.001);
    expect(modelCost({ chatModel: 'unknown', embeddingModel: 'unknown' }, workloads.team).query).toBe(0);
  });

  it('is written between two marks of the document', () => {
    const document = 'a <!-- written by `npm run cost -- --write` --> old <!-- end --> z';
    const written = withTables(document, 'new');
    expect(written).toMatch(/^a <!--.*-->\n\nnew\n\n<!-- end --> z$/s);
    expect(withTables(written, 'new')).toBe(written);
    expect(() => withTables('nothing', 'new')).toThrow('no place');
  });
});
