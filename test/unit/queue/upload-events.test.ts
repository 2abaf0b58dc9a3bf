import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readUploadEvents } from '../../../functions/queue/upload-events.ts';

const record = (key: unknown, bucket: unknown = 'ours') => ({
  eventName: 'ObjectCreated:Put',
  requestParameters: { sourceIPAddress: '192.0.2.1' },
  responseElements: { 'x-amz-request-id': 'R1' },
  s3: { bucket: { name: bucket }, object: { key, size: 3, versionId: 'v1' } },
});
const read = (body: unknown) => readUploadEvents(typeof body === 'string' ? body : JSON.stringify(body), 'ours');

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
