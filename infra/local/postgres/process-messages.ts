/** What the parent sends to the process of the local Postgres, once. */
export interface PostgresProcessOptions {
  readonly superuserPassword: string;
  readonly dataDirectory?: string;
  /** The file of a dump to start from when there is no database yet. */
  readonly template?: string;
  readonly port?: number;
  readonly databases?: readonly string[];
  readonly idleInTransactionTimeout?: number;
}

/** What it answers, once. */
export type PostgresProcessMessage =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'failed'; readonly message: string };
