-- Databases that a workspace has connected, and what is known of their tables.
--
-- Why passwords are not here: they are in Secrets Manager, under a name that this database chose. The name is noted before the secret
-- is made and forgotten after it was removed, so whatever dies in between leaves a note by which the night removes it, and nobody
-- needs the right to list secrets.
--
-- Why a table of the catalog is a row with a state: a refresh is one message a table, and a message is only a nudge. What is `listed`
-- still wants to be described; whoever describes holds `leased_until`. The vector is that of name, description and columns together,
-- and `embedded_hash` says of which text.

CREATE TABLE dbrag.connections (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  id uuid NOT NULL,
  name text NOT NULL,
  engine text NOT NULL CHECK (engine IN ('postgres')),
  host text NOT NULL,
  port integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
  database_name text NOT NULL,
  user_name text NOT NULL,
  authentication text NOT NULL CHECK (authentication IN ('password', 'iam')),
  ssl text NOT NULL CHECK (ssl IN ('verify-full', 'verify-ca', 'disable')),
  ca_certificate text,
  secret_name text,
  schemas text[],
  tables_include text[] NOT NULL DEFAULT '{}',
  tables_exclude text[] NOT NULL DEFAULT '{}',
  send_rows_to_model boolean NOT NULL DEFAULT false,
  server_version text,
  examined_at timestamptz,
  error jsonb,
  generation bigint NOT NULL DEFAULT 0,
  refreshed_at timestamptz,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id),
  CHECK ((authentication = 'password') = (secret_name IS NOT NULL))
);
COMMENT ON COLUMN dbrag.connections.secret_name IS 'In Secrets Manager: the password, in an envelope that names workspace, connection and server';
COMMENT ON COLUMN dbrag.connections.schemas IS 'Null: all that are not the system''s';
COMMENT ON COLUMN dbrag.connections.send_rows_to_model IS 'Whether sample rows and values may leave the database';
COMMENT ON COLUMN dbrag.connections.error IS 'What was wrong when it was last examined; null: nothing';
COMMENT ON COLUMN dbrag.connections.generation IS 'Bumped when the catalog changes: part of the keys of cached metadata';
CREATE INDEX connections_newest ON dbrag.connections (workspace_id, created_at DESC, id DESC);
CALL dbrag.isolate_by_workspace('dbrag.connections');
CALL dbrag.narrow_to_connections('dbrag.connections', 'id');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.connections TO dbrag_app;

CREATE TABLE dbrag.connection_secrets (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  name text NOT NULL,
  connection_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, name)
);
COMMENT ON TABLE dbrag.connection_secrets IS 'Names of secrets that were made or may have been: noted before, forgotten after they are gone';
CALL dbrag.isolate_by_workspace('dbrag.connection_secrets');
CALL dbrag.narrow_to_connections('dbrag.connection_secrets');
GRANT SELECT, INSERT, DELETE ON dbrag.connection_secrets TO dbrag_app;

CREATE TABLE dbrag.catalog_tables (
  workspace_id uuid NOT NULL,
  connection_id uuid NOT NULL,
  schema_name text NOT NULL,
  table_name text NOT NULL,
  name text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('table', 'view', 'materialized_view', 'foreign_table')),
  status text NOT NULL DEFAULT 'listed' CHECK (status IN ('listed', 'described')),
  columns jsonb NOT NULL DEFAULT '[]',
  primary_key text[] NOT NULL DEFAULT '{}',
  foreign_keys jsonb NOT NULL DEFAULT '[]',
  comment text,
  row_estimate bigint,
  samples jsonb,
  description text,
  edited boolean NOT NULL DEFAULT false,
  fingerprint text NOT NULL,
  described_fingerprint text,
  leased_until timestamptz,
  tries integer NOT NULL DEFAULT 0,
  embedding halfvec(${dimensions}),
  embedding_model text,
  embedded_hash bytea,
  refreshed_at timestamptz,
  PRIMARY KEY (workspace_id, connection_id, schema_name, table_name),
  FOREIGN KEY (workspace_id, connection_id) REFERENCES dbrag.connections (workspace_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN dbrag.catalog_tables.name IS 'Schema and table as SQL writes them, quoted where they must be';
COMMENT ON COLUMN dbrag.catalog_tables.columns IS '[{"name", "type", "nullable", "comment", "values"}], values only where rows may be sent';
COMMENT ON COLUMN dbrag.catalog_tables.foreign_keys IS '[{"columns", "references": {"table", "columns"}}]';
COMMENT ON COLUMN dbrag.catalog_tables.samples IS 'Up to 5 rows; null where rows may not leave the database';
COMMENT ON COLUMN dbrag.catalog_tables.fingerprint IS 'Of the shape as it was last listed; equal to described_fingerprint where nothing changed since';
CREATE UNIQUE INDEX catalog_tables_by_name ON dbrag.catalog_tables (workspace_id, connection_id, name);
CALL dbrag.isolate_by_workspace('dbrag.catalog_tables');
CALL dbrag.narrow_to_connections('dbrag.catalog_tables');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.catalog_tables TO dbrag_app;

-- Jobs of a connection: which of them runs, and those that end with it.
CREATE INDEX jobs_of_connection ON dbrag.jobs (workspace_id, connection_id, created_at DESC) WHERE connection_id IS NOT NULL;
