import { requireAllowed, requireOnBucket } from '../access.ts';
import type { Operation, S3Request } from '../context.ts';
import { S3Error } from '../errors.ts';
import { isoDate, sendEmpty, sendXml } from '../respond.ts';
import { REGION } from '../settings.ts';
import { element, type Markup, optional } from '../xml.ts';
import { ownerElement } from './list-objects.ts';

export const listBuckets: Operation<S3Request> = (context, request) => {
  requireAllowed(context, request, 's3:ListAllMyBuckets', '*');
  const prefix = request.query.get('prefix') ?? '';
  const buckets = context.buckets.all().filter(({ settings }) => settings.name.startsWith(prefix));
  sendXml(request, 'ListAllMyBucketsResult', [
    ownerElement(),
    element(
      'Buckets',
      buckets.map(({ settings, createdAt }) =>
        element('Bucket', [
          element('Name', settings.name),
          element('CreationDate', isoDate(createdAt)),
          element('BucketRegion', REGION),
        ]),
      ),
    ),
  ]);
};

export const createBucket: Operation<S3Request> = (context, request) => {
  requireOnBucket(context, request, 's3:CreateBucket');
  if (context.buckets.find(request.bucketName) !== undefined) {
    throw new S3Error(
      'BucketAlreadyOwnedByYou',
      'Your previous request to create the named bucket succeeded and you already own it.',
    );
  }
  const locked = request.message.headers['x-amz-bucket-object-lock-enabled'] === 'true';
  const settings = locked ? { versioned: true, objectLock: { enabled: true } } : {};
  context.buckets.save({ name: request.bucketName, ...settings }, context.clock.now());
  sendEmpty(request, 200, { location: `/${request.bucketName}` });
};

export const deleteBucket: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:DeleteBucket');
  if (!context.objects.isBucketEmpty(request.bucketName) || context.uploads.inBucket(request.bucketName).length > 0) {
    throw new S3Error(
      'BucketNotEmpty',
      'The bucket you tried to delete is not empty. You must delete all versions in the bucket.',
    );
  }
  context.buckets.remove(request.bucketName);
  sendEmpty(request, 204);
};

export const headBucket: Operation<S3Request> = (context, request) => {
  requireOnBucket(context, request, 's3:ListBucket');
  if (context.buckets.find(request.bucketName) === undefined) {
    throw new S3Error('NoSuchBucket', 'The specified bucket does not exist');
  }
  sendEmpty(request, 200, { 'x-amz-bucket-region': REGION });
};

export const getBucketLocation: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:GetBucketLocation');
  // us-east-1 has always been the empty constraint.
  sendXml(request, 'LocationConstraint', []);
};

export const getBucketVersioning: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:GetBucketVersioning');
  sendXml(request, 'VersioningConfiguration', optional('Status', request.bucket.versioning));
};

export const getBucketEncryption: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:GetEncryptionConfiguration');
  const { keyArn, bucketKey } = request.bucket;
  const kmsKeyArn = keyArn ?? undefined;
  sendXml(request, 'ServerSideEncryptionConfiguration', [
    element('Rule', [
      element('ApplyServerSideEncryptionByDefault', [
        element('SSEAlgorithm', kmsKeyArn === undefined ? 'AES256' : 'aws:kms'),
        ...optional('KMSMasterKeyID', kmsKeyArn),
      ]),
      element('BucketKeyEnabled', bucketKey ?? false),
    ]),
  ]);
};

export const getBucketCors: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:GetBucketCORS');
  const { cors } = request.bucket;
  if (cors === undefined || cors.length === 0)
    throw new S3Error('NoSuchCORSConfiguration', 'The CORS configuration does not exist');
  sendXml(
    request,
    'CORSConfiguration',
    cors.map((rule) =>
      element('CORSRule', [
        ...rule.allowedOrigins.map((origin) => element('AllowedOrigin', origin)),
        ...rule.allowedMethods.map((method) => element('AllowedMethod', method)),
        ...rule.allowedHeaders.map((header) => element('AllowedHeader', header)),
        ...rule.exposedHeaders.map((header) => element('ExposeHeader', header)),
        ...optional('MaxAgeSeconds', rule.maxAgeSeconds ?? undefined),
      ]),
    ),
  );
};

export const getBucketNotification: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:GetBucketNotification');
  sendXml(
    request,
    'NotificationConfiguration',
    context.notifications
      .configuration(request.bucketName)
      .map(({ id, queueArn, events, prefix, suffix }) =>
        element('QueueConfiguration', [
          element('Id', id),
          element('Queue', queueArn),
          ...events.map((name) => element('Event', name)),
          element('Filter', [element('S3Key', [...filterRule('prefix', prefix), ...filterRule('suffix', suffix)])]),
        ]),
      ),
  );
};

function filterRule(name: string, value: string): Markup[] {
  return value === '' ? [] : [element('FilterRule', [element('Name', name), element('Value', value)])];
}

export const getObjectLockConfiguration: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:GetBucketObjectLockConfiguration');
  const lock = request.bucket.objectLock;
  if (!lock?.enabled) {
    throw new S3Error(
      'ObjectLockConfigurationNotFoundError',
      'Object Lock configuration does not exist for this bucket',
    );
  }
  const rule = lock.retention;
  const retention = rule && element('DefaultRetention', [element('Mode', rule.mode), element('Days', rule.days)]);
  sendXml(request, 'ObjectLockConfiguration', [
    element('ObjectLockEnabled', 'Enabled'),
    ...(retention ? [element('Rule', [retention])] : []),
  ]);
};
