import { requireAllowed, requireOnBucket } from '../access.ts';
import type { Operation, S3Request } from '../context.ts';
import { S3Error } from '../errors.ts';
import { isoDate, sendEmpty, sendXml } from '../respond.ts';
import { REGION } from '../settings.ts';
import { element, optional } from '../xml.ts';
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
  const settings = locked ? ({ versioning: 'Enabled', objectLock: { enabled: true } } as const) : {};
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
  const { kmsKeyArn, bucketKey } = request.bucket.encryption ?? {};
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
  if (cors === undefined) throw new S3Error('NoSuchCORSConfiguration', 'The CORS configuration does not exist');
  sendXml(
    request,
    'CORSConfiguration',
    cors.map((rule) =>
      element('CORSRule', [
        ...rule.AllowedOrigins.map((origin) => element('AllowedOrigin', origin)),
        ...rule.AllowedMethods.map((method) => element('AllowedMethod', method)),
        ...(rule.AllowedHeaders ?? []).map((header) => element('AllowedHeader', header)),
        ...(rule.ExposedHeaders ?? []).map((header) => element('ExposeHeader', header)),
        ...optional('MaxAgeSeconds', rule.MaxAge),
      ]),
    ),
  );
};

export const getBucketNotification: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:GetBucketNotification');
  const { QueueConfigurations = [] } = context.notifications.configuration(request.bucketName);
  sendXml(
    request,
    'NotificationConfiguration',
    QueueConfigurations.map((queue) =>
      element('QueueConfiguration', [
        ...optional('Id', queue.Id),
        element('Queue', queue.QueueArn),
        ...queue.Events.map((name) => element('Event', name)),
        element('Filter', [
          element(
            'S3Key',
            (queue.Filter?.Key?.FilterRules ?? []).map(({ Name, Value }) =>
              element('FilterRule', [element('Name', Name), element('Value', Value)]),
            ),
          ),
        ]),
      ]),
    ),
  );
};

export const getObjectLockConfiguration: Operation = (context, request) => {
  requireOnBucket(context, request, 's3:GetBucketObjectLockConfiguration');
  const lock = request.bucket.objectLock;
  if (!lock?.enabled) {
    throw new S3Error(
      'ObjectLockConfigurationNotFoundError',
      'Object Lock configuration does not exist for this bucket',
    );
  }
  const rule = lock.defaultRetention;
  const retention = rule && element('DefaultRetention', [element('Mode', rule.mode), element('Days', rule.days)]);
  sendXml(request, 'ObjectLockConfiguration', [
    element('ObjectLockEnabled', 'Enabled'),
    ...(retention ? [element('Rule', [retention])] : []),
  ]);
};
