import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { localRegion } from '../assembly/names.ts';
import { auditBucket } from '../cloud/service-parts.ts';
import type { LocalCloud } from '../cloud.ts';

/** `.dbrag/local.json`: what a script or a second terminal needs to use the local cloud. */
export interface LocalFile {
  readonly api_url: string;
  readonly docs_url: string;
  readonly operator_key: string;
  readonly workspace_id: string;
  readonly api_key: string;
  readonly collection_id: string;
  /** Where the roots of the audit trail are locked. */
  readonly audit_bucket: string;
  readonly s3: {
    readonly endpoint: string;
    readonly bucket: string;
    readonly region: string;
    readonly access_key_id: string;
    readonly secret_access_key: string;
  };
  readonly database_url: string;
  readonly admin_database_url: string;
  readonly redis_url: string;
  readonly openai_base_url: string;
  readonly queues: Readonly<Record<string, string>>;
}

/** The workspace that the first start makes. */
export type FirstWorkspace = Pick<LocalFile, 'workspace_id' | 'api_key' | 'collection_id'>;

const openAiBaseUrl = 'https://api.openai.com/v1';
const fileName = 'local.json';

/** Undefined before the first start. */
export function readLocalFile(dataDirectory: string): LocalFile | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDirectory, fileName), 'utf8')) as LocalFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Written aside and renamed, readable by its owner alone: it holds keys. */
export function writeLocalFile(dataDirectory: string, file: LocalFile): void {
  const path = join(dataDirectory, fileName);
  writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

export function describeCloud(cloud: LocalCloud, workspace: FirstWorkspace): LocalFile {
  const { administrator, applicationLogin, database } = cloud;
  return {
    api_url: cloud.url,
    docs_url: `${cloud.url}/docs`,
    operator_key: cloud.operatorKey,
    ...workspace,
    audit_bucket: auditBucket(cloud.assembly),
    s3: {
      endpoint: cloud.aws.endpoints.S3,
      bucket: cloud.uploadBucket,
      region: localRegion,
      access_key_id: administrator.accessKeyId,
      secret_access_key: administrator.secretAccessKey,
    },
    database_url: database.url(applicationLogin.username, applicationLogin.password),
    admin_database_url: database.adminUrl,
    redis_url: cloud.redisUrl,
    openai_base_url: cloud.modelBaseUrl ?? openAiBaseUrl,
    queues: Object.fromEntries(cloud.assembly.queues.map(({ name, url }) => [name, url])),
  };
}
