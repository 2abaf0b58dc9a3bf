-- Workspaces, who may enter them, and the locks that every later table wears.
--
-- Why here and why so: the workspace is the tenant. Row security is enabled and FORCED on every table that carries a workspace,
-- so that neither the application role nor the owner can read across by forgetting a WHERE. The policy is written once, in
-- `dbrag.isolate_by_workspace`, and a test compares every policy in the catalog with it. Keys and foreign keys carry the
-- workspace as well, because constraints look past row security and would otherwise tell one tenant what another has.
--
-- Roles (dbrag_owner, dbrag_app, dbrag_maintainer, dbrag_search, dbrag_system) are made before this file runs: they belong to the
-- cluster, not to the database.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- Functions are executable by everyone unless this is said first.
ALTER DEFAULT PRIVILEGES IN SCHEMA dbrag REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA dbrag TO dbrag_app, dbrag_search, dbrag_system;

-- A UUIDv7 (RFC 9562): later ids sort later, so b-trees grow at their right edge. PostgreSQL 17 has none of its own.
CREATE FUNCTION dbrag.new_uuid() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
      52, 1), 53, 1), 'hex')::uuid
$$;
GRANT EXECUTE ON FUNCTION dbrag.new_uuid() TO dbrag_app, dbrag_system;

-- The first statement of every unit of work. Everything it sets ends with the transaction, so a reused connection cannot carry
-- one tenant's right into another's request; and because set_config stands inside a function, RDS Proxy does not pin for it.
-- plpgsql, not sql: its plan is kept for the session, and this runs once a request.
CREATE FUNCTION dbrag.begin_workspace(
  workspace uuid, collection_ids uuid[] DEFAULT NULL, statement_timeout_milliseconds integer DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ignored text;
BEGIN
  IF workspace IS NULL THEN
    RAISE EXCEPTION 'a workspace is required' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  ignored := set_config('dbrag.workspace_id', workspace::text, true);
  -- '' = no narrowing, '{}' = narrowed to nothing.
  ignored := set_config('dbrag.collection_ids', coalesce(collection_ids::text, ''), true);
  IF statement_timeout_milliseconds IS NOT NULL THEN
    ignored := set_config('statement_timeout', statement_timeout_milliseconds::text, true);
  END IF;
  ignored := set_config('hnsw.ef_search', '100', true);
  -- Without it an index shared by tenants returns a handful of the rows that a small tenant has (measured: recall 0.10).
  ignored := set_config('hnsw.iterative_scan', 'relaxed_order', true);
END
$$;
COMMENT ON FUNCTION dbrag.begin_workspace(uuid, uuid[], integer) IS
  'Opens a workspace for this transaction; collection_ids narrows it further (null: everything in it)';
GRANT EXECUTE ON FUNCTION dbrag.begin_workspace(uuid, uuid[], integer) TO dbrag_app;

CREATE FUNCTION dbrag.begin_system(statement_timeout_milliseconds integer) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ignored text;
BEGIN
  ignored := set_config('dbrag.workspace_id', '', true);
  ignored := set_config('statement_timeout', statement_timeout_milliseconds::text, true);
END
$$;
COMMENT ON FUNCTION dbrag.begin_system(integer) IS 'A transaction of no workspace: sees no tenant''s rows';
GRANT EXECUTE ON FUNCTION dbrag.begin_system(integer) TO dbrag_app;

-- The one policy template. After a transaction-local setting has ended, the setting is '' and not NULL: hence nullif.
CREATE PROCEDURE dbrag.isolate_by_workspace(target regclass, workspace_column name DEFAULT 'workspace_id')
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format(
    $policy$CREATE POLICY workspace_isolation ON %s
      USING (%I = nullif(current_setting('dbrag.workspace_id', true), '')::uuid)
      WITH CHECK (%I = nullif(current_setting('dbrag.workspace_id', true), '')::uuid)$policy$,
    target, workspace_column, workspace_column);
END
$$;

-- The second template: a key or member narrowed to some collections sees the others nowhere. Only for the application role: under
-- any policy the candidate functions' role could no longer use its indexes, so those functions repeat the narrowing themselves.
CREATE PROCEDURE dbrag.narrow_to_collections(target regclass, collection_column name DEFAULT 'collection_id')
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    $policy$CREATE POLICY collection_narrowing ON %s AS RESTRICTIVE TO dbrag_app
      USING (nullif(current_setting('dbrag.collection_ids', true), '') IS NULL
        OR %I = ANY (nullif(current_setting('dbrag.collection_ids', true), '')::uuid[]))
      WITH CHECK (nullif(current_setting('dbrag.collection_ids', true), '') IS NULL
        OR %I = ANY (nullif(current_setting('dbrag.collection_ids', true), '')::uuid[]))$policy$,
    target, collection_column, collection_column);
END
$$;

-- Partitions are never granted to the application role; the locks on them are for whoever reaches past the parent by mistake.
CREATE PROCEDURE dbrag.create_hash_partitions(parent regclass, partitions integer)
LANGUAGE plpgsql AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
BEGIN
  FOR remainder IN 0 .. partitions - 1 LOOP
    EXECUTE format('CREATE TABLE dbrag.%I PARTITION OF %s FOR VALUES WITH (MODULUS %s, REMAINDER %s)',
      parent_name || '_' || lpad(remainder::text, 2, '0'), parent, partitions, remainder);
    CALL dbrag.isolate_by_workspace(format('dbrag.%I', parent_name || '_' || lpad(remainder::text, 2, '0'))::regclass);
  END LOOP;
END
$$;

-- Makes the month partitions from this month to `months_ahead` months on. Run by migrations and every night: idempotent.
CREATE PROCEDURE dbrag.create_month_partitions(parent regclass, months_ahead integer DEFAULT 12)
LANGUAGE plpgsql AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  month_start timestamptz := date_trunc('month', now(), 'UTC');
  partition_name text;
BEGIN
  FOR month IN 0 .. months_ahead LOOP
    partition_name := parent_name || to_char((month_start + make_interval(months => month)) AT TIME ZONE 'UTC', '_YYYY_MM');
    IF to_regclass(format('dbrag.%I', partition_name)) IS NULL THEN
      EXECUTE format('CREATE TABLE dbrag.%I PARTITION OF %s FOR VALUES FROM (%L) TO (%L)', partition_name, parent,
        ((month_start AT TIME ZONE 'UTC') + make_interval(months => month)) AT TIME ZONE 'UTC',
        ((month_start AT TIME ZONE 'UTC') + make_interval(months => month + 1)) AT TIME ZONE 'UTC');
      CALL dbrag.isolate_by_workspace(format('dbrag.%I', partition_name)::regclass);
    END IF;
  END LOOP;
END
$$;

CREATE TABLE dbrag.workspaces (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  settings jsonb NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deleting')),
  generation bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN dbrag.workspaces.settings IS 'What its owner chose: retention days, chat model';
COMMENT ON COLUMN dbrag.workspaces.generation IS 'Bumped when permissions change or a collection goes: cached results of older generations are never served';
CREATE INDEX workspaces_newest ON dbrag.workspaces (created_at DESC, id DESC);
CALL dbrag.isolate_by_workspace('dbrag.workspaces', 'id');
-- Not INSERT: a workspace is made by dbrag.create_workspace alone.
GRANT SELECT, UPDATE, DELETE ON dbrag.workspaces TO dbrag_app;

CREATE TABLE dbrag.api_keys (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  id uuid NOT NULL,
  name text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'editor', 'reader')),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  hint text NOT NULL,
  collection_ids uuid[],
  connection_ids uuid[],
  rate_limits jsonb,
  expires_at timestamptz,
  last_used_at timestamptz,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id)
);
COMMENT ON COLUMN dbrag.api_keys.hash IS 'SHA-256 of the whole key: the key itself is shown once and stored nowhere';
COMMENT ON COLUMN dbrag.api_keys.hint IS 'The few characters by which a person recognises it';
COMMENT ON COLUMN dbrag.api_keys.collection_ids IS 'Narrowing: null sees every collection';
COMMENT ON COLUMN dbrag.api_keys.last_used_at IS 'Written at most once a minute';
-- Across workspaces, since authentication knows no workspace yet. No oracle: hashes of 178 random bits cannot be guessed.
CREATE UNIQUE INDEX api_keys_hash ON dbrag.api_keys (hash);
CREATE INDEX api_keys_newest ON dbrag.api_keys (workspace_id, created_at DESC, id DESC);
CALL dbrag.isolate_by_workspace('dbrag.api_keys');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.api_keys TO dbrag_app;

CREATE TABLE dbrag.members (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  issuer text NOT NULL,
  subject text NOT NULL,
  role text NOT NULL CHECK (role IN ('owner', 'admin', 'editor', 'reader')),
  collection_ids uuid[],
  connection_ids uuid[],
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, issuer, subject)
);
COMMENT ON TABLE dbrag.members IS 'People who come by a token of an identity provider: what they may do here';
CREATE INDEX members_of_token ON dbrag.members (issuer, subject);
CREATE INDEX members_newest ON dbrag.members (workspace_id, created_at DESC, subject DESC);
CALL dbrag.isolate_by_workspace('dbrag.members');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.members TO dbrag_app;

CREATE TABLE dbrag.subjects (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  id uuid NOT NULL,
  external_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, external_id)
);
COMMENT ON TABLE dbrag.subjects IS 'Whoever a token or a caller''s `subject` member names: whose data an export or an erasure means';
CALL dbrag.isolate_by_workspace('dbrag.subjects');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.subjects TO dbrag_app;
