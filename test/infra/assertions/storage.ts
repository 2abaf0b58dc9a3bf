import { loopbackOrigins } from '../../../infra/constructs/storage.ts';
import { type Assertion, every, type Found, leadsTo, list, resourceNamed, resourcesOf } from './assertion.ts';

const bucketType = 'AWS::S3::Bucket';
const isLogBucket = ({ id }: Found) => id.startsWith('StorageAccessLogs');
const rulesOf = ({ properties }: Found) => list(properties.LifecycleConfiguration?.Rules);

export const storageAssertions: readonly Assertion[] = [
  every({
    area: 'S3',
    name: 'no bucket is public, whatever a policy or an ACL says',
    type: bucketType,
    demand: ({ properties }) => {
      const block = properties.PublicAccessBlockConfiguration ?? {};
      return ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'].every(
        (one) => block[one] === true,
      );
    },
    break: ({ properties }) => {
      properties.PublicAccessBlockConfiguration.BlockPublicPolicy = false;
    },
  }),
  every({
    area: 'S3',
    name: 'objects belong to the bucket’s owner',
    type: bucketType,
    demand: ({ properties }) => list(properties.OwnershipControls?.Rules)[0]?.ObjectOwnership === 'BucketOwnerEnforced',
    break: ({ properties }) => {
      properties.OwnershipControls = undefined;
    },
  }),
  every({
    area: 'S3',
    name: 'buckets keep versions',
    type: bucketType,
    demand: ({ properties }) => properties.VersioningConfiguration?.Status === 'Enabled',
    break: ({ properties }) => {
      properties.VersioningConfiguration = undefined;
    },
  }),
  every({
    area: 'S3',
    name: 'abandoned multipart uploads end after a day',
    type: bucketType,
    demand: (found) =>
      rulesOf(found).some(({ AbortIncompleteMultipartUpload: abort }) => abort?.DaysAfterInitiation === 1),
    break: ({ properties }) => {
      properties.LifecycleConfiguration = undefined;
    },
  }),
  every({
    area: 'S3',
    name: 'replaced and erased content ends after 30 days',
    type: bucketType,
    where: ({ id }) => id.startsWith('StorageContent'),
    demand: (found) =>
      rulesOf(found).some(({ NoncurrentVersionExpiration: expiration }) => expiration?.NoncurrentDays === 30),
    break: (found) => {
      for (const rule of rulesOf(found)) rule.NoncurrentVersionExpiration = undefined;
    },
  }),
  every({
    area: 'S3',
    name: 'access is logged to another bucket',
    type: bucketType,
    where: (found) => !isLogBucket(found),
    demand: ({ properties }) => leadsTo(properties.LoggingConfiguration?.DestinationBucketName, 'StorageAccessLogs'),
    break: ({ properties }) => {
      properties.LoggingConfiguration = undefined;
    },
  }),
  every({
    area: 'S3',
    name: 'buckets outlive the stack',
    binds: ({ operations }) => operations.dataOnRemoval === 'keep',
    type: bucketType,
    demand: ({ resource }) => resource.DeletionPolicy === 'Retain' && resource.UpdateReplacePolicy === 'Retain',
    break: ({ resource }) => {
      resource.DeletionPolicy = 'Delete';
    },
  }),
  {
    area: 'S3',
    name: 'browsers of our own origins may PUT, and nothing else',
    check: (system, { api, network }) =>
      resourcesOf(system, bucketType).flatMap(({ id, properties }) =>
        list(properties.CorsConfiguration?.CorsRules)
          .filter(
            ({ AllowedMethods, AllowedOrigins }) =>
              list(AllowedMethods).some((method) => method !== 'PUT') ||
              !list(AllowedOrigins).every(
                (origin) => api.corsOrigins.includes(origin) || (network.loopback && loopbackOrigins.includes(origin)),
              ),
          )
          .map(() => id),
      ),
    spoil: (system) => {
      resourceNamed(system, bucketType, 'StorageContent').properties.CorsConfiguration = {
        CorsRules: [{ AllowedMethods: ['PUT'], AllowedOrigins: ['*'] }],
      };
    },
  },
  every({
    area: 'S3',
    name: 'that objects below uploads/ come and go is announced, and of no others, to the uploads queue',
    type: 'Custom::S3BucketNotifications',
    demand: ({ properties }) => {
      const { QueueConfigurations, ...others } = properties.NotificationConfiguration;
      const configurations = list(QueueConfigurations);
      return (
        Object.keys(others).length === 0 &&
        configurations.flatMap(({ Events }) => list(Events)).join() === 's3:ObjectCreated:*,s3:ObjectRemoved:*' &&
        configurations.every(
          ({ QueueArn, Filter }) =>
            leadsTo(QueueArn, 'QueuesuploadsQueue') &&
            JSON.stringify(Filter?.Key?.FilterRules) === JSON.stringify([{ Name: 'prefix', Value: 'uploads/' }]),
        )
      );
    },
    break: ({ properties }) => {
      properties.NotificationConfiguration.QueueConfigurations[0].Filter = undefined;
    },
  }),
  every({
    area: 'S3',
    name: 'roots of the audit trail are locked for a year',
    type: bucketType,
    where: ({ id }) => id.startsWith('StorageAudit'),
    demand: ({ properties }) => {
      const retention = properties.ObjectLockConfiguration?.Rule?.DefaultRetention;
      return properties.ObjectLockEnabled === true && retention?.Mode === 'GOVERNANCE' && retention.Days >= 365;
    },
    break: ({ properties }) => {
      properties.ObjectLockConfiguration = undefined;
    },
  }),
];
