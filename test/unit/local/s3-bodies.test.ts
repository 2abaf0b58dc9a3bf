import { createHash, createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AwsChunkedDecoder } from '../../../infra/local/s3/aws-chunked.ts';
import { parseRange } from '../../../infra/local/s3/byte-range.ts';
import { CHECKSUM_ALGORITHMS, compositeChecksum, createChecksum } from '../../../infra/local/s3/checksums.ts';
import { chunkSignatures } from '../../../infra/local/s3/chunk-signature.ts';
import { encodedKey } from '../../../infra/local/s3/event-record.ts';
import { element, parseXml, textOf } from '../../../infra/local/s3/xml.ts';

/** The check value of each algorithm over "123456789" in hexadecimal digits (CRC catalogue, FIPS 180). */
const CHECK = {
  CRC32: 'cbf43926',
  CRC32C: 'e3069283',
  CRC64NVME: 'ae8b14860a799888',
  SHA1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  SHA256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
};

test.each(CHECKSUM_ALGORITHMS)('%s has its check value, however the bytes are cut', (algorithm) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 9 }), (cut) => {
      const digest = createChecksum(algorithm);
      digest.update(Buffer.from('123456789'.slice(0, cut)));
      digest.update(Buffer.from('123456789'.slice(cut)));
      expect(digest.digest().toString('hex')).toBe(CHECK[algorithm]);
    }),
    { numRuns: 20 },
  );
});

test('a composite checksum is that of the parts, with their number', () => {
  const parts = ['a', 'b'].map((text) => createHash('sha256').update(text).digest());
  const value = createHash('sha256').update(Buffer.concat(parts)).digest('base64');
  expect(
    compositeChecksum(
      'SHA256',
      parts.map((part) => part.toString('base64')),
    ),
  ).toBe(`${value}-2`);
});

function* cutUp(bytes: Buffer, sizes: readonly number[]) {
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield bytes.subarray(start, start + size);
    start += size;
  }
}

function encode(chunks: readonly Uint8Array[], trailer: string): Buffer {
  const parts = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)}\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...parts, Buffer.from(`0\r\n${trailer}\r\n`)]);
}

test('aws-chunked bodies decode to their bytes and trailers, however the network cuts them', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 60 }), { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 6 }),
      async (chunks, sizes) => {
        const decoder = new AwsChunkedDecoder();
        const wire = encode(chunks, 'x-amz-checksum-crc32:AAAAAA==\r\n');
        const decoded = await buffer(Readable.from(cutUp(wire, sizes)).pipe(decoder));
        expect(decoded).toEqual(Buffer.concat(chunks));
        expect([...decoder.trailers]).toEqual([['x-amz-checksum-crc32', 'AAAAAA==']]);
      },
    ),
    { numRuns: 100 },
  );
});

test('an aws-chunked body that ends early is refused at whatever byte', async () => {
  const wire = encode([Buffer.from('hello')], '');
  for (let length = 0; length < wire.length - 2; length++) {
    const decoder = new AwsChunkedDecoder();
    decoder.end(wire.subarray(0, length));
    await expect(buffer(decoder), `cut at ${length}`).rejects.toThrow(
      expect.objectContaining({ code: 'IncompleteBody' }),
    );
  }
});

/** The worked example of the S3 API reference: "Example: PUT object" with two chunks, 64 KiB and 1 KiB. */
test('signed chunks are verified against the documented example', async () => {
  const authorization =
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host,Signature=4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9';
  const signatures = [
    'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
    '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
    'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
  ];
  const chunks = [Buffer.alloc(65_536, 'a'), Buffer.alloc(1024, 'a'), Buffer.alloc(0)];
  const wire = (bodies: Buffer[]) =>
    Buffer.concat(
      bodies.flatMap((body, index) => [
        Buffer.from(`${body.length.toString(16)};chunk-signature=${signatures[index]}\r\n`),
        body,
        Buffer.from('\r\n'),
      ]),
    );
  const decode = (bytes: Buffer) => {
    const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
    const decoder = new AwsChunkedDecoder(chunkSignatures(authorization, '20130524T000000Z', secret));
    decoder.end(bytes);
    return buffer(decoder);
  };
  expect(await decode(wire(chunks))).toHaveLength(66_560);
  const changed = [Buffer.alloc(65_536, 'b'), ...chunks.slice(1)];
  await expect(decode(wire(changed))).rejects.toThrow(expect.objectContaining({ code: 'SignatureDoesNotMatch' }));
});

test('signed trailers are verified', () => {
  const authorization = `AWS4-HMAC-SHA256 Credential=A/20130524/us-east-1/s3/aws4_request,Signature=${'0'.repeat(64)}`;
  const key = ['20130524', 'us-east-1', 's3', 'aws4_request'].reduce<string | Buffer>(
    (parent, part) => createHmac('sha256', parent).update(part).digest(),
    'AWS4secret',
  );
  const hash = createHash('sha256').update('x-amz-checksum-crc32:AAAAAA==\n').digest('hex');
  const toSign = ['AWS4-HMAC-SHA256-TRAILER', 'now', '20130524/us-east-1/s3/aws4_request', '0'.repeat(64), hash].join(
    '\n',
  );
  const signature = createHmac('sha256', key).update(toSign).digest('hex');
  const verify = (value: string) =>
    chunkSignatures(authorization, 'now', 'secret').verifyTrailers(
      new Map([
        ['x-amz-checksum-crc32', value],
        ['x-amz-trailer-signature', signature],
      ]),
    );
  expect(() => verify('AAAAAA==')).not.toThrow();
  expect(() => verify('BBBBBB==')).toThrow(expect.objectContaining({ code: 'SignatureDoesNotMatch' }));
});

test('any text survives XML, and a document that is not well-formed is refused', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1 }).map((text) => `.${text}.`),
      (text) => {
        expect(textOf(parseXml(element('Root', [element('Key', text)]).markup), 'Key')).toBe(text);
      },
    ),
  );
  for (const broken of [
    '',
    '<a>',
    '<a></b>',
    '<a/><b/>',
    'text',
    '<a>&unknown;</a>',
    '<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>',
  ]) {
    expect(() => parseXml(broken), broken).toThrow(expect.objectContaining({ code: 'MalformedXML' }));
  }
});

test('a key in an event decodes as a form does', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (key) => {
      expect(decodeURIComponent(encodedKey(key).replaceAll('+', ' '))).toBe(key);
    }),
  );
  expect(encodedKey("a b/c+d(1)'!~*")).toBe('a+b/c%2Bd%281%29%27%21%7E*');
});

test('a range never leaves the object', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.nat(20), fc.integer({ min: 1, max: 20 }), (start, end, size) => {
      const range = start < size ? parseRange(`bytes=${start}-${end}`, size) : undefined;
      if (range === undefined) return;
      expect(range.start).toBe(start);
      expect(range.end).toBe(Math.min(end, size - 1));
    }),
  );
  expect(parseRange('bytes=0-1,3-4', 10)).toBeUndefined();
  expect(() => parseRange('bytes=-0', 10)).toThrow(expect.objectContaining({ code: 'InvalidRange' }));
});
