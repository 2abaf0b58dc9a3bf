import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { environmentNames as names } from '../../shared/core/env-names.ts';

/** Objects below a prefix are named by `*`; the findings that this gives are acknowledged here, one prefix and one right at a time. */
interface PrefixRight {
  readonly id: string;
  readonly prefix: string;
  readonly actions: readonly string[];
  readonly reason: string;
}

const read = ['s3:GetObject', 's3:GetObjectVersion'] as const;
const remove = ['s3:DeleteObject', 's3:DeleteObjectVersion'] as const;

const rights = {
  readUploads: {
    id: 'ReadUploads',
    prefix: 'uploads',
    actions: read,
    reason: 'Any file that was uploaded is ingested.',
  },
  readContent: { id: 'ReadContent', prefix: 'content', actions: read, reason: 'Any posted document is read again.' },
  writeUploads: {
    id: 'WriteUploads',
    prefix: 'uploads',
    actions: ['s3:PutObject'],
    reason: 'The signer of an upload URL must hold the right that it lends; keys are made by us.',
  },
  writeContent: {
    id: 'WriteContent',
    prefix: 'content',
    actions: ['s3:PutObject'],
    reason: 'Posted documents and exports get keys that are made by us.',
  },
  removeUploads: { id: 'RemoveUploads', prefix: 'uploads', actions: remove, reason: 'Erasure removes every version.' },
  removeContent: { id: 'RemoveContent', prefix: 'content', actions: remove, reason: 'Erasure removes every version.' },
  keepAuditRoots: {
    id: 'KeepAuditRoots',
    prefix: 'roots',
    actions: ['s3:PutObject', 's3:GetObject'],
    reason: 'One locked object a day, whose key is its date.',
  },
} as const satisfies Record<string, PrefixRight>;

export interface StorageAccessProps {
  readonly content: IBucket;
  readonly audit: IBucket;
  readonly key: IKey;
}

/**
 * Rights on the buckets by prefix. Each right is one inline policy that is attached to the roles that hold it, so that a wildcard
 * stands, and is explained, in one place.
 */
export class StorageAccess extends Construct {
  private readonly props: StorageAccessProps;
  private readonly policies = new Map<string, Policy>();

  constructor(scope: Construct, id: string, props: StorageAccessProps) {
    super(scope, id);
    this.props = props;
  }

  grantReadUploads(grantee: LambdaFunction): void {
    this.attach(rights.readUploads, grantee);
  }

  grantReadContent(grantee: LambdaFunction): void {
    this.attach(rights.readContent, grantee);
  }

  /** For signing upload URLs. */
  grantWriteUploads(grantee: LambdaFunction): void {
    this.attach(rights.writeUploads, grantee);
  }

  grantWriteContent(grantee: LambdaFunction): void {
    this.attach(rights.writeContent, grantee);
  }

  grantRemove(grantee: LambdaFunction): void {
    this.attach(rights.removeUploads, grantee);
    this.attach(rights.removeContent, grantee);
  }

  /** Also what turns the answer for a missing key from 403 into 404. */
  grantList(grantee: LambdaFunction): void {
    grantee.addToRolePolicy(
      new PolicyStatement({
        actions: ['s3:ListBucket', 's3:ListBucketVersions'],
        resources: [this.props.content.bucketArn],
      }),
    );
    this.name(grantee);
  }

  /** Writing and reading back the roots of the audit trail. */
  grantKeepAuditRoots(grantee: LambdaFunction): void {
    this.policy(rights.keepAuditRoots, this.props.audit).attachToRole(roleOf(grantee));
    this.grantKey(grantee);
    grantee.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.props.audit.bucketArn] }),
    );
    grantee.addEnvironment(names.auditBucketName, this.props.audit.bucketName);
  }

  private attach(right: PrefixRight, grantee: LambdaFunction): void {
    this.policy(right, this.props.content).attachToRole(roleOf(grantee));
    this.grantKey(grantee);
    this.name(grantee);
  }

  private name(grantee: LambdaFunction): void {
    grantee.addEnvironment(names.bucketName, this.props.content.bucketName);
  }

  private grantKey(grantee: LambdaFunction): void {
    const { region } = Stack.of(this);
    grantee.addToRolePolicy(
      new PolicyStatement({
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: [this.props.key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } },
      }),
    );
  }

  private policy(right: PrefixRight, bucket: IBucket): Policy {
    const known = this.policies.get(right.id);
    if (known) return known;
    const objects = bucket.arnForObjects(`${right.prefix}/*`);
    const policy = new Policy(this, right.id, {
      statements: [new PolicyStatement({ actions: [...right.actions], resources: [objects] })],
    });
    this.policies.set(right.id, policy);
    Validations.of(policy).acknowledge({ id: `AwsSolutions-IAM5[Resource::X]`, reason: right.reason });
    return policy;
  }
}

function roleOf(grantee: LambdaFunction) {
  if (grantee.role === undefined) throw new Error(`${grantee.node.path} has no role.`);
  return grantee.role;
}
