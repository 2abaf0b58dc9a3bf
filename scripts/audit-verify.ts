/**
 * `npm run audit:verify`: walks the audit trail and its locked roots, and says what does not agree. Ends with 1 if anything does not.
 *
 * Of the local cloud by itself (`.dbrag/local.json`). Of a stage: `DATABASE_URL` of the maintainer or the owner, `AUDIT_BUCKET_NAME`, and
 * AWS credentials that may read that bucket; `DATABASE_TLS=off` for a tunnel's end on this machine.
 */
import { parseArgs } from 'node:util';
import { readLocalFile } from '../infra/local/start/local-file.ts';
import { verifyTrail } from '../shared/access/verify-trail.ts';
import { createPostgresDatabase } from '../shared/adapters/postgres/database.ts';
import { createS3ObjectStore } from '../shared/adapters/s3/s3-object-store.ts';
import { systemClock } from '../shared/core/clock.ts';
import { publicId } from '../shared/core/ids.ts';

const { values } = parseArgs({ options: { data: { type: 'string', default: '.dbrag' } } });
const local = process.env.DATABASE_URL ? undefined : readLocalFile(values.data);
const databaseUrl = process.env.DATABASE_URL ?? local?.admin_database_url;
if (!databaseUrl) throw new Error('Set DATABASE_URL, or start the local cloud (npm start).');
if (local) {
  process.env.AWS_ENDPOINT_URL_S3 = local.s3.endpoint;
  process.env.AWS_REGION = local.s3.region;
  process.env.AWS_ACCESS_KEY_ID = local.s3.access_key_id;
  process.env.AWS_SECRET_ACCESS_KEY = local.s3.secret_access_key;
}
const bucket = process.env.AUDIT_BUCKET_NAME ?? local?.audit_bucket;
const url = new URL(databaseUrl);
const database = createPostgresDatabase({
  host: url.hostname,
  port: Number(url.port || 5432),
  database: decodeURIComponent(url.pathname.slice(1)),
  user: decodeURIComponent(url.username),
  password: async () => decodeURIComponent(url.password),
  tls: local || process.env.DATABASE_TLS === 'off' ? 'off' : {},
  queryTimeoutMillis: 60_000,
});
try {
  const roots = bucket ? createS3ObjectStore(bucket, systemClock) : null;
  if (!roots) console.error('AUDIT_BUCKET_NAME is not set: the chains are walked, and not compared with their roots.');
  const { faults, next: _, ...report } = await verifyTrail({ database, roots });
  console.log(JSON.stringify(report));
  for (const { workspaceId, seal, message } of faults)
    console.error(`${publicId('workspace', workspaceId)}${seal === null ? '' : `, seal ${seal}`}: ${message}`);
  console.log(faults.length === 0 ? 'The trail agrees.' : `${faults.length} things do not agree.`);
  if (faults.length > 0) process.exitCode = 1;
} finally {
  await database.close();
}
