import { Policy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Fn, Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { environmentNames as names } from '../../shared/core/env-names.ts';

/** One kind of access to the objects below one prefix. */
interface PrefixRight {
  readonly id: string;
  readonly prefix: string;
  readonly actions: readonly string[];
  /** The KMS rights it needs: none to remove an object, both for a multipart upload, whose parts are read again. */
  readonly keyActions: readonly string[];
}

const read = ['s3:GetObject', 's3:GetObjectVersion'] as const;
const remove = ['s3:DeleteObject', 's3:DeleteObjectVersion'] as const;
const write = ['kms:Decrypt', 'kms:GenerateDataKey'] as const;

const rights = {
  readUploads: { id: 'ReadUploads', prefix: 'uploads', actions: read, keyActions: ['kms:Decrypt'] },
  readContent: { id: 'ReadContent', prefix: 'content', actions: read, keyActions: ['kms:Decrypt'] },
  writeUploads: { id: 'WriteUploads', prefix: 'uploads', actions: ['s3:PutObject'], keyActions: write },
  writeContent: {
    id: 'WriteContent',
    prefix: 'content',
    actions: ['s3:PutObject', 's3:AbortMultipartUpload'],
    keyActions: write,
  },
  removeUploads: { id: 'RemoveUploads', prefix: 'uploads', actions: remove, keyActions: [] },
  removeContent: { id: 'RemoveContent', prefix: 'content', actions: remove, keyActions: [] },
  keepAuditRoots: {
    id: 'KeepAuditRoots',
    prefix: 'roots',
    actions: ['s3:PutObject', 's3:GetObject'],
    keyActions: write,
  },
} as const satisfies Record<string, PrefixRight>;

/** A bucket of another stack, and the name under which that stack exports its ARN. */
export interface ExportedBucket {
  readonly bucket: IBucket;
  readonly arnExport: string;
}

export interface StorageAccessProps {
  readonly content: ExportedBucket;
  readonly audit: ExportedBucket;
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
    this.acknowledgePrefixes();
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
    this.listBy(grantee, 's3:ListBucket');
  }

  /** Old versions of objects too: for functions that remove them, or confirm their removal. */
  grantListVersions(grantee: LambdaFunction): void {
    this.listBy(grantee, 's3:ListBucketVersions');
  }

  private listBy(grantee: LambdaFunction, action: string): void {
    const resources = [this.props.content.bucket.bucketArn];
    grantee.addToRolePolicy(new PolicyStatement({ actions: [action], resources }));
    this.name(grantee);
  }

  /** Writing and reading back the roots of the audit trail. */
  grantKeepAuditRoots(grantee: LambdaFunction): void {
    this.policy(rights.keepAuditRoots, this.props.audit).attachToRole(roleOf(grantee));
    this.grantKey(grantee, rights.keepAuditRoots.keyActions);
    grantee.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.props.audit.bucket.bucketArn] }),
    );
    grantee.addEnvironment(names.auditBucketName, this.props.audit.bucket.bucketName);
  }

  /** Keys of the audit trail: only for that purpose, which every key is bound to. */
  grantTrailKeys(grantee: LambdaFunction): void {
    grantee.addToRolePolicy(
      new PolicyStatement({
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: [this.props.key.keyArn],
        conditions: { StringEquals: { 'kms:EncryptionContext:dbrag:purpose': 'audit' } },
      }),
    );
    grantee.addEnvironment(names.auditKey, this.props.key.keyArn);
  }

  private attach(right: PrefixRight, grantee: LambdaFunction): void {
    this.policy(right, this.props.content).attachToRole(roleOf(grantee));
    this.grantKey(grantee, right.keyActions);
    this.name(grantee);
  }

  private name(grantee: LambdaFunction): void {
    grantee.addEnvironment(names.bucketName, this.props.content.bucket.bucketName);
  }

  private grantKey(grantee: LambdaFunction, actions: readonly string[]): void {
    if (actions.length === 0) return;
    const { region } = Stack.of(this);
    grantee.addToRolePolicy(
      new PolicyStatement({
        actions: [...actions],
        resources: [this.props.key.keyArn],
        conditions: { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } },
      }),
    );
  }

  /** Objects are named by prefix, so the findings about `*` are acknowledged prefix by prefix, for these policies only. */
  private acknowledgePrefixes(): void {
    const { content, audit } = this.props;
    const finding = ({ arnExport }: ExportedBucket, prefix: string) =>
      `AwsSolutions-IAM5[Resource::${arnExport}/${prefix}/*]`;
    Validations.of(this).acknowledge(
      {
        id: finding(content, 'uploads'),
        reason: 'Any uploaded file may be ingested or erased; signers need what they lend.',
      },
      {
        id: finding(content, 'content'),
        reason: 'Posted documents and exports have keys that we make when we need them.',
      },
      {
        id: finding(audit, 'roots'),
        reason: 'The audit trail adds one locked object a minute of activity, under the date.',
      },
    );
  }

  private policy(right: PrefixRight, { arnExport }: ExportedBucket): Policy {
    const known = this.policies.get(right.id);
    if (known) return known;
    const objects = `${Fn.importValue(arnExport)}/${right.prefix}/*`;
    const policy = new Policy(this, right.id, {
      statements: [new PolicyStatement({ actions: [...right.actions], resources: [objects] })],
    });
    this.policies.set(right.id, policy);
    return policy;
  }
}

function roleOf(grantee: LambdaFunction) {
  if (grantee.role === undefined) throw new Error(`${grantee.node.path} has no role.`);
  return grantee.role;
}
