import { describe, expect, test } from 'vitest';
import { failuresOf } from '../../../infra/local/sqs/batch-response.ts';
import { type LambdaRecord, toEvents } from '../../../infra/local/sqs/lambda-event.ts';

const ids = ['a', 'b', 'c'];
const reported = (...identifiers: unknown[]) => ({
  batchItemFailures: identifiers.map((itemIdentifier) => ({ itemIdentifier })),
});

describe('the partial batch response', () => {
  test.each([
    ['null', null],
    ['nothing', undefined],
    ['an empty object', {}],
    ['an empty list', []],
    ['no failures', { batchItemFailures: [] }],
    ['null failures', { batchItemFailures: null }],
    ['a misspelt key', { BatchItemFailures: [{ itemIdentifier: 'a' }] }],
  ])('%s is a success', (_name, result) => {
    expect(failuresOf(result, ids)).toEqual(new Set());
  });
  test.each([
    ['an unknown identifier', reported('a', 'z')],
    ['an empty identifier', reported('')],
    ['a null identifier', reported(null)],
    ['a misspelt identifier', { batchItemFailures: [{ ItemIdentifier: 'a' }] }],
    ['a null entry', { batchItemFailures: [null] }],
    ['failures that are no list', { batchItemFailures: 'a' }],
    ['a text', 'done'],
    ['a list of something', [1]],
  ])('%s fails the whole batch', (_name, result) => {
    expect(failuresOf(result, ids)).toEqual(new Set(ids));
  });
  test('only the reported messages stay', () => {
    expect(failuresOf(reported('c', 'a', 'a'), ids)).toEqual(new Set(['a', 'c']));
  });
});

test('events keep to the payload limit and lose no record', () => {
  const record = (body: string): LambdaRecord => ({
    messageId: 'm',
    receiptHandle: 'r',
    body,
    attributes: {},
    messageAttributes: {},
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn',
    awsRegion: 'us-east-1',
  });
  // A quote takes two bytes in JSON, a Cyrillic letter two in UTF-8.
  const records = ['"'.repeat(200), 'ї'.repeat(200), 'x'.repeat(2000), 'x'].map(record);
  const events = toEvents(records, 1500);
  expect(events.flatMap(({ Records }) => Records)).toEqual(records);
  expect(events.map(({ Records }) => Records.length)).toEqual([2, 1, 1]);
  expect(Buffer.byteLength(JSON.stringify(events[0]))).toBeLessThanOrEqual(1500);
  expect(toEvents([])).toEqual([]);
});
