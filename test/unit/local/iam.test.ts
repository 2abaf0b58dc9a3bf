import { describe, expect, test } from 'vitest';
import type { PolicyStatement, RequestContext } from '../../../infra/local/iam/authorizer.ts';
import { createAuthorizer } from '../../../infra/local/iam/create-authorizer.ts';
import { evaluatePolicy } from '../../../infra/local/iam/evaluate-policy.ts';

const queue = 'arn:aws:sqs:us-east-1:000000000000:uploads';
const allow: PolicyStatement = { Effect: 'Allow', Action: 'sqs:SendMessage', Resource: queue };
const decide = (
  statements: PolicyStatement[],
  action = 'sqs:SendMessage',
  resource = queue,
  context: RequestContext = {},
) => evaluatePolicy(statements, action, resource, context);

describe('actions and resources', () => {
  test('nothing is allowed without a statement', () => {
    expect(decide([])).toBe('not allowed');
    expect(decide([allow])).toBe('allowed');
    expect(decide([allow], 'sqs:ReceiveMessage')).toBe('not allowed');
    expect(decide([allow], 'sqs:SendMessage', `${queue}-2`)).toBe('not allowed');
  });
  test('an explicit deny wins, wherever it stands', () => {
    const deny: PolicyStatement = { Effect: 'Deny', Action: 'sqs:*', Resource: '*' };
    expect(decide([allow, deny])).toBe('denied explicitly');
    expect(decide([deny, allow])).toBe('denied explicitly');
  });
  test.each([
    ['SQS:sendmessage', queue, 'allowed'],
    ['sqs:Send*', queue, 'allowed'],
    ['sqs:SendMessag?', queue, 'allowed'],
    ['sqs:SendMessage?', queue, 'not allowed'],
    ['*', 'arn:aws:sqs:*:*:up*', 'allowed'],
    ['*', 'arn:aws:sqs:*:*:UP*', 'not allowed'],
    ['sqs.SendMessage', queue, 'not allowed'],
  ])('%s on %s: %s', (Action, Resource, decision) => {
    expect(decide([{ Effect: 'Allow', Action, Resource }])).toBe(decision);
  });
  test('NotAction and NotResource mean all others', () => {
    const others: PolicyStatement = { Effect: 'Allow', NotAction: ['sqs:Delete*'], NotResource: ['arn:aws:s3:::*'] };
    expect(decide([others])).toBe('allowed');
    expect(decide([others], 'sqs:DeleteQueue')).toBe('not allowed');
    expect(decide([others], 's3:GetObject', 'arn:aws:s3:::bucket/key')).toBe('not allowed');
  });
  test('a policy variable is filled from the request, and matches nothing without it', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how IAM writes its variables.
    const own: PolicyStatement = { Effect: 'Allow', Action: '*', Resource: 'arn:aws:s3:::b/${aws:username}/*' };
    const resource = 'arn:aws:s3:::b/ada/x';
    expect(decide([own], 's3:GetObject', resource, { 'aws:UserName': 'ada' })).toBe('allowed');
    expect(decide([own], 's3:GetObject', resource, { 'aws:username': 'bob' })).toBe('not allowed');
    expect(decide([own], 's3:GetObject', resource)).toBe('not allowed');
  });
});

describe('conditions', () => {
  const none: RequestContext = {};
  const via = (value: string | string[]): RequestContext => ({ 'kms:ViaService': value });
  test.each<[string, string | string[], RequestContext, boolean]>([
    ['StringEquals', 'sqs', via('sqs'), true],
    ['StringEquals', ['s3', 'sqs'], via('sqs'), true],
    ['StringEquals', 'SQS', via('sqs'), false],
    ['StringEquals', 'sqs', none, false],
    ['StringEqualsIgnoreCase', 'SQS', via('sqs'), true],
    ['StringEqualsIfExists', 'sqs', none, true],
    ['StringEqualsIfExists', 'sqs', via('s3'), false],
    ['StringNotEquals', 'sqs', via('s3'), true],
    ['StringNotEquals', ['s3', 'sqs'], via('s3'), false],
    ['StringNotEquals', 'sqs', none, true],
    ['StringLike', 's*', via('sqs'), true],
    ['StringLike', 's?', via('sqs'), false],
    ['StringNotLike', 's*', via('sqs'), false],
    ['ArnLike', 'arn:aws:sqs:*:*:up*', via(queue), true],
    ['ArnLike', 'arn:aws:*:uploads', via(queue), false],
    ['ArnEquals', 'arn:aws:sqs:*:000000000000:uploads', via(queue), true],
    ['ArnNotLike', 'arn:aws:sqs:*:*:*', via(queue), false],
    ['Bool', 'true', via('TRUE'), true],
    ['Bool', 'true', via('false'), false],
    ['BoolIfExists', 'true', none, true],
    ['NumericEquals', '10', via('10.0'), true],
    ['NumericLessThan', '10', via('9'), true],
    ['NumericLessThan', '10', via('10'), false],
    ['NumericLessThanEquals', '10', via('10'), true],
    ['NumericGreaterThan', '9', via('10'), true],
    ['NumericGreaterThanEquals', '10', via('9'), false],
    ['NumericNotEquals', '10', via('9'), true],
    ['NumericLessThan', '10', via(''), false],
    ['Null', 'true', none, true],
    ['Null', 'true', via('x'), false],
    ['Null', 'false', via('x'), true],
    ['ForAnyValue:StringEquals', ['a', 'b'], via(['b', 'c']), true],
    ['ForAnyValue:StringEquals', ['a', 'b'], via(['c']), false],
    ['ForAnyValue:StringEquals', 'a', none, false],
    ['ForAllValues:StringEquals', ['a', 'b'], via(['a', 'b']), true],
    ['ForAllValues:StringEquals', ['a', 'b'], via(['a', 'c']), false],
    ['ForAllValues:StringLike', 'a', none, true],
    ['ForAnyValue:StringNotEquals', 'a', none, false],
  ])('%s %j of %j: %s', (operator, value, context, holds) => {
    const statement = { ...allow, Condition: { [operator]: { 'kms:viaservice': value } } };
    expect(decide([statement], 'sqs:SendMessage', queue, context) === 'allowed').toBe(holds);
  });
  test('all keys of all operators must hold', () => {
    const statement = { ...allow, Condition: { StringEquals: { a: '1', b: '2' }, Bool: { c: 'true' } } };
    const context = { a: '1', b: '2', c: 'true' };
    expect(decide([statement], 'sqs:SendMessage', queue, context)).toBe('allowed');
    for (const key of ['a', 'b', 'c']) {
      expect(decide([statement], 'sqs:SendMessage', queue, { ...context, [key]: 'x' })).toBe('not allowed');
    }
  });
});

describe('the authorizer', () => {
  test('an operator that it does not know is an error, not a pass', () => {
    const iam = createAuthorizer();
    const odd = { ...allow, Condition: { DateLessThan: { 'aws:CurrentTime': '2030-01-01' } } };
    expect(() => iam.issueAccessKey('worker', [odd])).toThrow(/Role worker, statement 1: .*DateLessThan/);
    expect(() => decide([odd])).toThrow(/DateLessThan/);
    expect(() => iam.issueAccessKey('worker', [{ Effect: 'Allow', Resource: '*' }])).toThrow(/Action or NotAction/);
  });
  test('issues keys, records what was used and what was refused', () => {
    const iam = createAuthorizer();
    const worker = iam.issueAccessKey('worker', [allow]);
    const person = iam.issueAccessKey('person', 'administrator');
    expect(iam.principalOf(worker.accessKeyId)).toBe(worker);
    expect(iam.principalOf('nobody')).toBeUndefined();
    expect(worker.secretAccessKey).not.toBe(person.secretAccessKey);
    expect(iam.allows(worker, 'sqs:SendMessage', queue)).toBe(true);
    expect(iam.allows(worker, 'sqs:DeleteQueue', queue)).toBe(false);
    expect(iam.allows(worker, 'sqs:DeleteQueue', queue)).toBe(false);
    expect(iam.allows(person, 'sqs:DeleteQueue', queue)).toBe(true);
    expect(iam.used()).toEqual({
      worker: { 'sqs:SendMessage': [queue] },
      person: { 'sqs:DeleteQueue': [queue] },
    });
    expect(iam.denied()).toEqual([
      { role: 'worker', action: 'sqs:DeleteQueue', resource: queue, decision: 'not allowed', count: 2 },
    ]);
    expect(() => iam.addPrincipal(worker)).toThrow(/taken/);
  });
});
