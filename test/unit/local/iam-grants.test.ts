import { describe, expect, test } from 'vitest';
import type { PolicyStatement } from '../../../infra/local/iam/authorizer.ts';
import { compareRights } from '../../../infra/local/iam/compare-rights.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { grantsOf } from '../../../infra/local/iam/grants.ts';

const key = 'arn:aws:kms:us-east-1:000000000000:key/k';
const via = (service: string) => ({ StringEquals: { 'kms:ViaService': service } });
const statements: readonly PolicyStatement[] = [
  {
    Effect: 'Allow',
    Action: ['s3:GetObject', 's3:PutObject'],
    Resource: ['arn:aws:s3:::b/content/*', 'arn:aws:s3:::b/x'],
  },
  { Effect: 'Allow', Action: 'kms:Decrypt', Resource: key, Condition: via('s3') },
  { Effect: 'Allow', Action: 'kms:Decrypt', Resource: key, Condition: via('sqs') },
];

describe('rights that are used', () => {
  test('are told one by one: an action, a resource, a condition', () => {
    expect(grantsOf(statements)).toHaveLength(6);
    const open: PolicyStatement = { Effect: 'Allow', NotAction: 's3:DeleteObject', Resource: '*' };
    expect(() => grantsOf([open])).toThrow(/NotAction/);
  });

  test('are those that allowed a call, by its condition too, and not those that could not', () => {
    const iam = createAuthorizer();
    const worker = iam.issueAccessKey('worker', statements);
    iam.allows(worker, 's3:GetObject', 'arn:aws:s3:::b/content/1', {});
    iam.allows(worker, 's3:GetObject', 'arn:aws:s3:::b/content/2', {});
    iam.allows(worker, 'kms:Decrypt', key, { 'kms:ViaService': 'sqs' });
    iam.allows(worker, 's3:DeleteObject', 'arn:aws:s3:::b/content/1', {});
    expect(iam.takeUsedGrants().get('worker')).toEqual([
      { action: 's3:GetObject', resource: 'arn:aws:s3:::b/content/*', condition: undefined },
      { action: 'kms:Decrypt', resource: key, condition: via('sqs') },
    ]);
    // From one look to the next: each test's own.
    iam.allows(worker, 's3:GetObject', 'arn:aws:s3:::b/content/3', {});
    expect(
      iam
        .takeUsedGrants()
        .get('worker')
        ?.map(({ action }) => action),
    ).toEqual(['s3:GetObject']);
    expect(iam.takeUsedGrants().get('worker')).toEqual([]);
  });

  test('are compared with those that are given, role by role', () => {
    const granted = { a: ['x', 'y', 'z', 'z'], b: ['x'] };
    const used = { a: ['x', 'z'], b: ['x', 'w'] };
    const reason = { role: /^a$/, right: /^y$/, reason: 'for later' };
    expect(compareRights(granted, used, [reason])).toEqual({
      unused: [],
      missing: ['b: w'],
      idleReasons: [],
      doubled: ['a: z'],
    });
    expect(compareRights(granted, { ...used, a: ['x', 'y', 'z'] }, [reason]).idleReasons).toEqual(['for later']);
    expect(compareRights(granted, used, []).unused).toEqual(['a: y']);
  });
});
