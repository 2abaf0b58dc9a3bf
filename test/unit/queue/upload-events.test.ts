import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anotherRound, readUploadEvents } from '../../../functions/queue/upload-events.ts';

const record = (key: unknown, bucket: unknown = 'ours') => ({
  eventName: 'ObjectCreated:Put',
  requestParameters: { sourceIPAddress: '192.0.2.1' },
  responseElements: { 'x-amz-request-id': 'R1' },
  s3: { bucket: { name: bucket }, object: { key, size: 3, versionId: 'v1' } },
});
const read = (body: unknown) => readUploadEvents(typeof body === 'string' ? body : JSON.stringify(body), 'ours');

describe('an event whose registering was given up', () => {
  it('comes again a few times, then it is left to the night', () => {
    let body: string | undefined = JSON.stringify({ Records: [record('uploads/a.txt')] });
    let rounds = 0;
    for (; body !== undefined; body = anotherRound(body, 'ours')) {
      expect(readUploadEvents(body, 'ours').events.map(({ key }) => key)).toEqual(['uploads/a.txt']);
      rounds += 1;
    }
    expect(rounds).toBe(6);
  });

  it.each([
    ['of another bucket', JSON.stringify({ Records: [record('uploads/a.txt', 'theirs')] })],
    ['of no object', JSON.stringify({ Event: 's3:TestEvent' })],
    ['no JSON', 'rubbish'],
    ['a message to a worker', JSON.stringify({ v: 1, workspace_id: 'x', document_id: 'y' })],
  ])('does not when it is %s', (_, body) => {
    expect(anotherRound(body, 'ours')).toBeUndefined();
  });
});

describe('an S3 notification', () => {
  it('names an object, whose key is decoded', () => {
    expect(read({ Records: [record('uploads/a+b/%C3%BC%2B100%25.txt')] })).toEqual({
      events: [
        {
          bucket: 'ours',
          key: 'uploads/a b/ü+100%.txt',
          versionId: 'v1',
          bytes: 3,
          origin: { requestId: 'R1', ip: '192.0.2.1', userAgent: null },
        },
      ],
      rejected: [],
    });
  });

  it.each([
    ['a test event', { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'ours' }],
    ['an empty one', { Records: [] }],
    ['one without records', {}],
    ['records of something else', { Records: [null, {}, { s3: {} }, record(7), record('a', null)] }],
    ['null', null],
    ['no JSON', 'Hello {'],
  ])('holds nothing: %s', (_, body) => {
    expect(read(body)).toEqual({ events: [], rejected: [] });
  });

  it('of another bucket, or with a key that S3 never sends, is rejected; its neighbours are read', () => {
    const { events, rejected } = read({ Records: [record('a', 'theirs'), record('%E0%A4%A'), record('b')] });
    expect(rejected).toEqual([
      { key: 'a', reason: 'of another bucket' },
      { key: '%E0%A4%A', reason: 'not encoded as S3 does' },
    ]);
    expect(events.map(({ key }) => key)).toEqual(['b']);
  });

  it('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (body) => void readUploadEvents(body, 'ours')));
  });
});
