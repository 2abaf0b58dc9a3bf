import * as z from 'zod/mini';
import { isHostName } from '../../../shared/databases/resolve-host.ts';
import { acceptedJob } from './jobs.ts';
import { failure, id, listQueryMembers, name, nullableTimestamp, timestamp } from './primitives.ts';

const host = z
  .string()
  .check(
    z.trim(),
    z.minLength(1),
    z.maxLength(253),
    z.refine(isHostName, 'Must be the name of a host, or an address in its usual form'),
  );
const port = z.int().check(z.gte(1), z.lte(65_535));
/** Postgres cuts longer identifiers. */
const identifier = z.string().check(z.minLength(1), z.maxLength(63));
const password = z.string().check(z.minLength(1), z.maxLength(1_024));
const pattern = z.string().check(z.minLength(1), z.maxLength(260));
const patterns = z.array(pattern).check(z.maxLength(500));
const certificate = z.string().check(
  z.maxLength(100_000),
  z.refine(
    (text) => /-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----/.test(text),
    'Must be certificates in PEM',
  ),
);
const ssl = z.union([z.boolean(), z.enum(['verify-full', 'verify-ca', 'require', 'disable'])]).check(
  z.meta({
    description:
      'How TLS is verified: true, "require" and "verify-full" mean the same and are the default; "verify-ca" does not check the host name; false and "disable" mean no TLS, allowed only inside the allowed networks',
  }),
);

const settings = {
  name,
  host,
  port: z._default(port, 5432),
  database: identifier,
  user: identifier,
  authentication: z._default(z.enum(['password', 'iam']), 'password'),
  ssl: z._default(ssl, true),
  ca_certificate: z.optional(z.nullable(certificate)),
  schemas: z.optional(z.nullable(z.array(identifier).check(z.minLength(1), z.maxLength(100)))),
  tables: z.optional(z.strictObject({ include: z.optional(patterns), exclude: z.optional(patterns) })),
  send_rows_to_model: z._default(z.boolean(), false),
};

export const createConnection = z.strictObject({
  ...settings,
  engine: z._default(z.enum(['postgres']), 'postgres'),
  password: z.optional(password),
});
export type CreateConnection = z.infer<typeof createConnection>;

export const updateConnection = z.strictObject({
  name: z.optional(name),
  host: z.optional(host),
  port: z.optional(port),
  database: z.optional(identifier),
  user: z.optional(identifier),
  authentication: z.optional(z.enum(['password', 'iam'])),
  password: z.optional(password),
  ssl: z.optional(ssl),
  ca_certificate: settings.ca_certificate,
  schemas: settings.schemas,
  tables: settings.tables,
  send_rows_to_model: z.optional(z.boolean()),
});
export type UpdateConnection = z.infer<typeof updateConnection>;

export const connection = z.object({
  id: id('connection'),
  object: z.literal('connection'),
  name: z.string(),
  engine: z.literal('postgres'),
  host: z.string(),
  port: z.int(),
  database: z.string(),
  user: z.string(),
  authentication: z.enum(['password', 'iam']),
  ssl: z.enum(['verify-full', 'verify-ca', 'disable']),
  ca_certificate: z.nullable(z.string()),
  schemas: z.nullable(z.array(z.string())),
  tables: z.object({ include: z.array(z.string()), exclude: z.array(z.string()) }),
  send_rows_to_model: z.boolean(),
  server_version: z.nullable(z.string()),
  examined_at: nullableTimestamp,
  error: failure,
  refreshed_at: nullableTimestamp,
  created_at: timestamp,
  updated_at: timestamp,
});
/** With the job that reads its tables. */
export const connectionWithJob = z.object({ ...connection.shape, job: z.nullable(acceptedJob.shape.job) });

export const connectionTest = z.object({
  object: z.literal('connection_test'),
  ok: z.literal(true),
  server_version: z.string(),
  user: z.string(),
  schemas: z.array(z.string()),
  tables: z.int(),
  milliseconds: z.int(),
});

const column = z.object({
  name: z.string(),
  type: z.string(),
  nullable: z.boolean(),
  comment: z.nullable(z.string()),
  values: z.optional(z.array(z.string())),
});

const embeddingError = failure.check(
  z.meta({ description: 'Why the embedding model gives no vector, so that questions do not find it by its meaning' }),
);
export const catalogTable = z.object({
  object: z.literal('table'),
  table: z.string().check(z.meta({ description: 'Schema and table as written in SQL; also the name in the path' })),
  schema: z.string(),
  name: z.string(),
  kind: z.enum(['table', 'view', 'materialized_view', 'foreign_table']),
  status: z.enum(['listed', 'described']),
  columns: z.array(column),
  primary_key: z.array(z.string()),
  foreign_keys: z.array(
    z.object({
      columns: z.array(z.string()),
      references: z.object({ table: z.string(), columns: z.array(z.string()) }),
    }),
  ),
  comment: z.nullable(z.string()),
  row_estimate: z.nullable(z.number()),
  samples: z.nullable(z.array(z.record(z.string(), z.nullable(z.string())))),
  description: z.nullable(z.string()),
  edited: z.boolean(),
  description_error: failure.check(
    z.meta({ description: 'Why the description is made of names alone: no model wrote it, and no person' }),
  ),
  embedding_error: embeddingError,
  refreshed_at: nullableTimestamp,
});
export const listTables = z.strictObject(listQueryMembers);
export const updateTable = z.strictObject({
  description: z
    .nullable(z.string().check(z.trim(), z.minLength(1), z.maxLength(2_000)))
    .check(z.meta({ description: 'Kept by every refresh; null lets the model write one again' })),
});

const sql = z.string().check(z.trim(), z.minLength(1), z.maxLength(20_000));
export const createExample = z.strictObject({
  question: z.string().check(z.trim(), z.minLength(1), z.maxLength(2_000)),
  sql,
});
export const example = z.object({
  id: z.string(),
  object: z.literal('sql_example'),
  question: z.string(),
  sql: z.string(),
  embedding_error: embeddingError,
  created_at: timestamp,
});
export const createTerm = z.strictObject({
  term: z.string().check(z.trim(), z.minLength(1), z.maxLength(255)),
  sql,
  description: z.optional(z.nullable(z.string().check(z.trim(), z.maxLength(2_000)))),
});
export const term = z.object({
  id: z.string(),
  object: z.literal('sql_term'),
  term: z.string(),
  sql: z.string(),
  description: z.nullable(z.string()),
  embedding_error: embeddingError,
  created_at: timestamp,
});
