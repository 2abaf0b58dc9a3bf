import * as z from 'zod/mini';

/** How a connection is encrypted: `verify-ca` leaves out whether the certificate names the host; `disable` only inside. */
const sslModes = ['verify-full', 'verify-ca', 'disable'] as const;

const target = z.object({
  workspace_id: z.uuid(),
  connection_id: z.uuid(),
  host: z.string(),
  port: z.int(),
  database: z.string(),
  user: z.string(),
  authentication: z.enum(['password', 'iam']),
  ssl: z.enum(sslModes),
  /** PEM; null: public authorities and Amazon's. */
  ca_certificate: z.nullable(z.string()),
  /** Where the password is; null with IAM. */
  secret_arn: z.nullable(z.string()),
});

/** Where a customer's database is and who is to be there. Holds no password. */
export type Target = z.infer<typeof target>;

const common = {
  v: z.literal(1),
  target,
  /** Milliseconds since 1970: the caller waits no longer. */
  deadline: z.number(),
};

const tableName = z.object({ schema: z.string(), table: z.string() });

/** Which tables a connection shows: patterns of `schema.table` or `table`, `*` for anything. */
const scope = {
  /** Null: all but the system's. */
  schemas: z.nullable(z.array(z.string())),
  include: z.array(z.string()),
  exclude: z.array(z.string()),
};

/** Requests to the function that reaches customers' databases. */
export const queryDatabaseRequest = z.discriminatedUnion('kind', [
  /** Connects, and says who one is there. Refused when that is somebody who may write. */
  z.object({ ...common, kind: z.literal('examine'), schemas: z.nullable(z.array(z.string())) }),
  z.object({ ...common, kind: z.literal('list_tables'), ...scope }),
  z.object({
    ...common,
    kind: z.literal('describe_table'),
    tables: z.array(tableName),
    /** Whether rows may leave the database: samples, and values of columns that have few. */
    with_rows: z.boolean(),
  }),
  /** Runs one statement of a caller's. The firewall is passed here once more: who asks has no say in that. */
  z.object({
    ...common,
    kind: z.literal('run_statement'),
    /** UUID by which it may be cancelled. */
    statement_id: z.optional(z.uuid()),
    statement: z.string(),
    /** The tables it may read, with their known columns; only those it does read. */
    tables: z.array(z.object({ schema: z.string(), name: z.string(), columns: z.array(z.string()) })),
    schemas: z.array(z.string()),
    types: z.array(z.object({ schema: z.string(), name: z.string() })),
    /** Plans it and runs nothing. */
    only_plan: z.optional(z.boolean()),
    limits: z.object({ rows: z.int(), bytes: z.int(), cost: z.number(), milliseconds: z.int() }),
  }),
  /** Cancels a statement that another request is running, and that nobody waits for any more. */
  z.object({ ...common, kind: z.literal('cancel_statement'), statement_id: z.uuid() }),
]);

export type QueryDatabaseRequest = z.infer<typeof queryDatabaseRequest>;

/** Its response: a result by the kind of the request, or a code and a sentence saying what is wrong. */
export type QueryDatabaseReply =
  | { readonly ok: true; readonly result: unknown }
  | {
      readonly ok: false;
      readonly error: {
        readonly code: string;
        readonly message: string;
        /** The message, with nothing in it that may come out of rows; left out where it is the same. */
        readonly without_rows?: string;
        readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
      };
    };
