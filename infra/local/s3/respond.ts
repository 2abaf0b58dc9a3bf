import { type Checksum, checksumElement, checksumHeader } from './checksums.ts';
import type { Context, S3Request } from './context.ts';
import type { ObjectVersion } from './object-version.ts';
import { element, type Markup, xmlDocument } from './xml.ts';

export function sendXml(request: S3Request, root: string, children: readonly Markup[], status = 200): void {
  const body = xmlDocument(root, children);
  request.response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
  request.response.end(body);
}

export function sendEmpty(request: S3Request, status: number, headers: Readonly<Record<string, string>> = {}): void {
  request.response.writeHead(status, { ...headers, ...(status === 204 ? {} : { 'content-length': '0' }) });
  request.response.end();
}

/** The version id as clients see it: buckets that never kept versions do not mention it. */
export function versionHeaders(
  context: Context,
  version: Pick<ObjectVersion, 'bucket' | 'versionId'>,
): Record<string, string> {
  if (context.buckets.find(version.bucket)?.settings.versioning === undefined) return {};
  return { 'x-amz-version-id': version.versionId };
}

export function encryptionHeaders({
  attributes: { encryption },
}: Pick<ObjectVersion, 'attributes'>): Record<string, string> {
  return {
    'x-amz-server-side-encryption': encryption.algorithm,
    ...(encryption.kmsKeyArn && { 'x-amz-server-side-encryption-aws-kms-key-id': encryption.kmsKeyArn }),
    ...(encryption.bucketKey && { 'x-amz-server-side-encryption-bucket-key-enabled': 'true' }),
  };
}

export function checksumHeaders({
  attributes: { checksum },
}: Pick<ObjectVersion, 'attributes'>): Record<string, string> {
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type };
}

/** The same as elements, for answers that have a body. */
export function checksumFields(checksum: Checksum | undefined): Markup[] {
  if (checksum === undefined) return [];
  return [element(checksumElement(checksum.algorithm), checksum.value), element('ChecksumType', checksum.type)];
}

/** `Wed, 04 Nov 2026 10:00:00 GMT`, whole seconds. */
export function httpDate(milliseconds: number): string {
  return new Date(milliseconds).toUTCString();
}

export function isoDate(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
