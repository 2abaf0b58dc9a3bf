// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Fn::Sub has variables of that form
import { describe, expect, it } from 'vitest';
import { evaluate, noValue, type World } from '../../../infra/local/assembly/intrinsics.ts';
import type { Template, TemplateValue } from '../../../infra/local/assembly/template.ts';

const template: Template = {
  Mappings: { Sizes: { small: { memory: 512 } } },
  Conditions: {
    IsLocal: { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'us-east-1'] },
    IsFar: { 'Fn::Not': [{ Condition: 'IsLocal' }] },
    Both: { 'Fn::And': [{ Condition: 'IsLocal' }, { Condition: 'IsFar' }] },
    Either: { 'Fn::Or': [{ Condition: 'IsLocal' }, { Condition: 'IsFar' }] },
  },
};

const world: World = {
  reference: (_, logicalId) => `ref-${logicalId}`,
  attribute: (_, logicalId, attribute) => `${logicalId}/${attribute}`,
  importedValue: (_, name) => `imported-${name}`,
};

const resolve = (value: TemplateValue) =>
  evaluate(value, { stack: { name: 'stack', template, assets: new Map() }, logicalId: 'Thing' }, world);

describe('an intrinsic', () => {
  it.each<[TemplateValue, unknown]>([
    [{ Ref: 'Queue' }, 'ref-Queue'],
    [{ Ref: 'AWS::AccountId' }, '000000000000'],
    [{ Ref: 'AWS::Partition' }, 'aws'],
    [{ Ref: 'AWS::StackName' }, 'stack'],
    [{ 'Fn::GetAtt': ['Database', 'Endpoint.Address'] }, 'Database/Endpoint.Address'],
    [{ 'Fn::GetAtt': 'Database.Endpoint.Address' }, 'Database/Endpoint.Address'],
    [{ 'Fn::ImportValue': { 'Fn::Sub': '${AWS::StackName}-x' } }, 'imported-stack-x'],
    [{ 'Fn::Join': ['-', ['a', { Ref: 'B' }, 3]] }, 'a-ref-B-3'],
    [
      { 'Fn::Sub': 'arn:${AWS::Partition}:${Queue}:${Queue.Arn}:${!Literal}' },
      'arn:aws:ref-Queue:Queue/Arn:${Literal}',
    ],
    [{ 'Fn::Sub': ['${A}/${Queue}', { A: { Ref: 'Other' } }] }, 'ref-Other/ref-Queue'],
    [{ 'Fn::Select': [1, { 'Fn::Split': [':', 'a:b:c'] }] }, 'b'],
    [{ 'Fn::Select': ['0', { 'Fn::GetAZs': '' }] }, 'us-east-1a'],
    [{ 'Fn::FindInMap': ['Sizes', 'small', 'memory'] }, 512],
    [{ 'Fn::FindInMap': ['Sizes', 'huge', 'memory', { DefaultValue: 1 }] }, 1],
    [{ 'Fn::Base64': 'héllo' }, Buffer.from('héllo').toString('base64')],
    [{ 'Fn::Cidr': ['10.0.0.0/16', 3, 8] }, ['10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24']],
    [{ 'Fn::If': ['IsLocal', 'near', 'far'] }, 'near'],
    [{ 'Fn::If': ['IsFar', 'near', { Ref: 'X' }] }, 'ref-X'],
    [{ 'Fn::If': ['Both', 1, 2] }, 2],
    [{ 'Fn::If': ['Either', 1, 2] }, 1],
  ])('%j gives %j', (value, expected) => {
    expect(resolve(value)).toEqual(expected);
  });

  it('that is AWS::NoValue takes its member or element away', () => {
    const nothing = { Ref: 'AWS::NoValue' };
    expect(resolve(nothing)).toBe(noValue);
    expect(resolve({ a: nothing, b: { 'Fn::If': ['IsFar', 1, nothing] }, c: [1, nothing, 2] })).toEqual({ c: [1, 2] });
  });

  it.each<[string, TemplateValue]>([
    ['an unknown intrinsic', { 'Fn::Transform': {} }],
    ['an unknown intrinsic beside other members', { a: 1, 'Fn::Length': [] }],
    ['an unknown pseudo parameter', { Ref: 'AWS::Moon' }],
    ['a condition that is not declared', { 'Fn::If': ['Nobody', 1, 2] }],
    ['an element that is not there', { 'Fn::Select': [7, ['a']] }],
    ['an entry that is not in the map', { 'Fn::FindInMap': ['Sizes', 'huge', 'memory'] }],
    ['a block that is too small', { 'Fn::Cidr': ['10.0.0.0/28', 100, 8] }],
    ['text that is none', { 'Fn::Join': ['-', [{ a: 1 }]] }],
  ])('stops at %s, naming the resource', (_, value) => {
    expect(() => resolve(value)).toThrow(/^stack\/Thing: /);
  });

  it('leaves the Condition of a policy statement alone', () => {
    const statement = { Effect: 'Allow', Condition: { StringEquals: { a: { Ref: 'B' } } } };
    expect(resolve(statement)).toEqual({ Effect: 'Allow', Condition: { StringEquals: { a: 'ref-B' } } });
    expect(resolve({ Condition: { StringEquals: { a: 'b' } } })).toEqual({ Condition: { StringEquals: { a: 'b' } } });
  });
});
