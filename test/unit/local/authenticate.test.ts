import { describe, expect, test } from 'vitest';
import { authenticate, type SignedRequest } from '../../../infra/local/aws/authenticate.ts';
import type { Authorizer, Principal } from '../../../infra/local/iam/authorizer.ts';

// Requests, keys and signatures of the AWS documentation (S3: "Signature calculations for the Authorization header"
// and "Authenticating requests: using query parameters"; IAM: "Create a signed AWS API request").
const principal: Principal = {
  name: 'documentation',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  statements: 'administrator',
};
const general: Principal = {
  ...principal,
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const authorizer: Authorizer = {
  principalOf: (id) => [principal, general].find(({ accessKeyId }) => accessKeyId === id),
  allows: () => true,
};
const signedAt = Date.UTC(2013, 4, 24);
const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function header(signedHeaders: string, signature: string): string {
  const credential = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request';
  return `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${signedHeaders},Signature=${signature}`;
}

const get: SignedRequest = {
  service: 's3',
  method: 'GET',
  url: '/test.txt',
  headers: {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': emptyHash,
    'x-amz-date': '20130524T000000Z',
    authorization: header(
      'host;range;x-amz-content-sha256;x-amz-date',
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ),
  },
};

const put: SignedRequest = {
  service: 's3',
  method: 'PUT',
  url: '/test%24file.text',
  headers: {
    date: 'Fri, 24 May 2013 00:00:00 GMT',
    host: 'examplebucket.s3.amazonaws.com',
    'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    'x-amz-date': '20130524T000000Z',
    'x-amz-storage-class': 'REDUCED_REDUNDANCY',
    authorization: header(
      'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    ),
  },
  body: Buffer.from('Welcome to Amazon S3.'),
};

const presigned: SignedRequest = {
  service: 's3',
  method: 'GET',
  url:
    '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
    '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
    '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  headers: { host: 'examplebucket.s3.amazonaws.com' },
};

const refusal = (request: SignedRequest, now = signedAt) =>
  authenticate(request, authorizer, now).catch((error) => error);

describe('the signatures of the AWS documentation', () => {
  test('S3 GET with a range', async () => {
    const identity = await authenticate(get, authorizer, signedAt);
    expect(identity).toMatchObject({ principal, presigned: false, region: 'us-east-1', payloadHash: emptyHash });
    expect(identity.signedHeaders).toEqual(['host', 'range', 'x-amz-content-sha256', 'x-amz-date']);
  });
  test('S3 PUT whose name needs escaping, however the client wrote the escape', async () => {
    expect((await authenticate(put, authorizer, signedAt)).principal).toBe(principal);
    expect((await authenticate({ ...put, url: '/test$file.text' }, authorizer, signedAt)).principal).toBe(principal);
  });
  test('S3 presigned URL', async () => {
    const identity = await authenticate(presigned, authorizer, signedAt + 86_400_000);
    expect(identity).toMatchObject({ principal, presigned: true, payloadHash: 'UNSIGNED-PAYLOAD' });
  });
  test('IAM ListUsers', async () => {
    const request: SignedRequest = {
      service: 'iam',
      method: 'GET',
      url: '/?Action=ListUsers&Version=2010-05-08',
      headers: {
        host: 'iam.amazonaws.com',
        'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
        'x-amz-date': '20150830T123600Z',
        authorization:
          'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, ' +
          'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
      },
    };
    const identity = await authenticate(request, authorizer, Date.UTC(2015, 7, 30, 12, 36));
    expect(identity.principal).toBe(general);
  });
});

describe('what is refused', () => {
  const changed: [string, SignedRequest][] = [
    ['the method', { ...get, method: 'DELETE' }],
    ['the path', { ...get, url: '/test2.txt' }],
    ['a query', { ...get, url: '/test.txt?versionId=1' }],
    ['a signed header', { ...get, headers: { ...get.headers, range: 'bytes=0-10' } }],
    ['the host', { ...presigned, headers: { host: 'another.example' } }],
    ['the expiry of a presigned URL', { ...presigned, url: presigned.url.replace('=86400', '=86401') }],
  ];
  test.each(changed)('a change of %s', async (_what, request) => {
    expect(await refusal(request)).toMatchObject({ code: 'SignatureDoesNotMatch', status: 403 });
  });
  test('a body other than the signed one', async () => {
    const error = await refusal({ ...put, body: Buffer.from('Welcome to Amazon S4.') });
    expect(error).toMatchObject({ code: 'XAmzContentSHA256Mismatch', status: 400 });
  });
  test('an x-amz header that was added', async () => {
    const error = await refusal({ ...get, headers: { ...get.headers, 'x-amz-acl': 'public-read' } });
    expect(error).toMatchObject({ code: 'AccessDenied', status: 403 });
  });
  test('a presigned URL one millisecond late', async () => {
    const error = await refusal(presigned, signedAt + 86_400_001);
    expect(error).toMatchObject({ code: 'AccessDenied', status: 403, message: 'Request has expired' });
  });
  test.each([-1, 1])('a clock that differs by more than 15 minutes (%i)', async (sign) => {
    expect(await refusal(get, signedAt + sign * 900_000)).toMatchObject({ principal });
    expect(await refusal(get, signedAt + sign * 900_001)).toMatchObject({ code: 'RequestTimeTooSkewed', status: 403 });
  });
  test('an unknown key, in the words of the service', async () => {
    const stranger = (request: SignedRequest) =>
      refusal({
        ...request,
        headers: {
          ...request.headers,
          authorization: String(request.headers.authorization)
            .replace('AKIAIOSFODNN7EXAMPLE', 'AKIASTRANGER')
            .replace('/s3/', `/${request.service}/`),
        },
      });
    expect(await stranger(get)).toMatchObject({ code: 'InvalidAccessKeyId', status: 403 });
    expect(await stranger({ ...get, service: 'sqs' })).toMatchObject({ code: 'InvalidClientTokenId', status: 403 });
  });
  test('no signature at all', async () => {
    const headers = { host: 'localhost' };
    expect(await refusal({ ...get, headers })).toMatchObject({ code: 'AccessDenied', status: 403 });
    const error = await refusal({ ...get, service: 'sqs', headers });
    expect(error).toMatchObject({ code: 'MissingAuthenticationToken', status: 403 });
  });
  test('a credential for another service', async () => {
    expect(await refusal({ ...get, service: 'sqs' })).toMatchObject({ code: 'IncompleteSignature' });
  });
  test('an expiry beyond a week', async () => {
    const error = await refusal({ ...presigned, url: presigned.url.replace('=86400', '=604801') });
    expect(error).toMatchObject({ code: 'AuthorizationQueryParametersError', status: 400 });
  });
});
