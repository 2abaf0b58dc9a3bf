import { accessDeniedMessage } from '../iam/create-authorizer.ts';
import type { Context, S3Request } from './context.ts';
import { S3Error } from './errors.ts';
import type { Encryption, ObjectVersion } from './object-version.ts';
import { bucketArn, objectArn, REGION } from './settings.ts';

function isAllowed(
  context: Context,
  request: S3Request,
  action: string,
  resource: string,
  conditions: Readonly<Record<string, string>> = {},
): boolean {
  return context.authorizer.allows(request.identity.principal, action, resource, conditions);
}

/** Throws AccessDenied unless the caller may do `action` on `resource`. */
export function requireAllowed(
  context: Context,
  request: S3Request,
  action: string,
  resource: string,
  conditions: Readonly<Record<string, string>> = {},
): void {
  if (!isAllowed(context, request, action, resource, conditions)) throw accessDenied(request, action, resource);
}

export function requireOnObject(
  context: Context,
  request: S3Request,
  action: string,
  conditions: Readonly<Record<string, string>> = {},
): void {
  requireAllowed(context, request, action, objectArn(request.bucketName, request.key), conditions);
}

export function requireOnBucket(
  context: Context,
  request: S3Request,
  action: string,
  conditions: Readonly<Record<string, string>> = {},
): void {
  requireAllowed(context, request, action, bucketArn(request.bucketName), conditions);
}

/**
 * What a reader of a missing key hears: S3 says 404 only to those who could have listed the bucket, so that others
 * cannot probe for names.
 */
export function missing(context: Context, request: S3Request, notFound: S3Error, action: string): S3Error {
  if (isAllowed(context, request, 's3:ListBucket', bucketArn(request.bucketName))) return notFound;
  return accessDenied(
    request,
    action,
    objectArn(request.bucketName, request.key),
    's3:ListBucket is not allowed either',
  );
}

/** SSE-KMS: S3 uses the key in the caller's name, so the caller needs the key's permission too. */
export function requireKey(
  context: Context,
  request: S3Request,
  action: 'kms:Decrypt' | 'kms:GenerateDataKey',
  encryption: Encryption,
  target: Pick<ObjectVersion, 'bucket' | 'key'>,
): void {
  if (encryption.kmsKeyArn === undefined) return;
  const encrypted = encryption.bucketKey ? bucketArn(target.bucket) : objectArn(target.bucket, target.key);
  requireAllowed(context, request, action, encryption.kmsKeyArn, {
    'kms:ViaService': `s3.${REGION}.amazonaws.com`,
    'kms:EncryptionContext:aws:s3:arn': encrypted,
  });
  context.kms?.requireUsable(encryption.kmsKeyArn);
}

function accessDenied(request: S3Request, action: string, resource: string, note?: string): S3Error {
  const message = accessDeniedMessage(request.identity.principal, action, resource);
  return new S3Error('AccessDenied', note === undefined ? message : `${message} (${note})`);
}
