-- Accepted work, and what was done, by whom and at what cost.
--
-- Why one row per accepted work: the database holds the truth and a queue message is only a nudge. Every row that is not finished
-- has a deadline (the CHECKs say so), so nothing can be stuck without being seen.

CREATE TABLE dbrag.jobs (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  id uuid NOT NULL,
  type text NOT NULL CHECK (type IN
    ('ingest_document', 'update_metadata_catalog', 'batch_embed', 'rebuild_index', 'export', 'erase', 'delete')),
  status text NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  collection_id uuid,
  document_id uuid,
  version integer,
  connection_id uuid,
  priority text NOT NULL DEFAULT 'default' CHECK (priority IN ('critical', 'default', 'low')),
  input jsonb NOT NULL DEFAULT '{}',
  progress_done bigint NOT NULL DEFAULT 0,
  progress_total bigint,
  progress_unit text,
  attempts integer NOT NULL DEFAULT 0,
  why text,
  error jsonb,
  result jsonb,
  leased_until timestamptz,
  waiting_until timestamptz,
  nudged_at timestamptz,
  nudges integer NOT NULL DEFAULT 0,
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  deadline_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CHECK (deadline_at IS NOT NULL OR status NOT IN ('queued', 'running')),
  CHECK (status <> 'failed' OR coalesce(error ->> 'code', '') <> '')
);
COMMENT ON COLUMN dbrag.jobs.why IS 'One sentence: what it does or waits for now, or why it ended';
COMMENT ON COLUMN dbrag.jobs.progress_done IS 'Of an ingestion, progress is derived from its version instead';
CREATE INDEX jobs_newest ON dbrag.jobs (workspace_id, created_at DESC, id DESC);
CREATE INDEX jobs_by_type ON dbrag.jobs (workspace_id, type, created_at DESC, id DESC);
CREATE INDEX jobs_by_status ON dbrag.jobs (workspace_id, status, created_at DESC, id DESC);
CREATE INDEX jobs_of_document ON dbrag.jobs (workspace_id, document_id, created_at DESC, id DESC);
CREATE INDEX jobs_unfinished ON dbrag.jobs (coalesce(nudged_at, created_at)) WHERE status IN ('queued', 'running');
CALL dbrag.isolate_by_workspace('dbrag.jobs');
-- A narrowed caller sees the jobs of its collections only; jobs of the whole workspace are none of its business.
CALL dbrag.narrow_to_collections('dbrag.jobs');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.jobs TO dbrag_app;

CREATE TABLE dbrag.usage_events (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT dbrag.new_uuid(),
  at timestamptz NOT NULL DEFAULT now(),
  operation text NOT NULL,
  model text,
  api_key_id uuid,
  subject_id uuid,
  collection_id uuid,
  document_id uuid,
  version integer,
  requests integer NOT NULL DEFAULT 0,
  embedding_tokens bigint NOT NULL DEFAULT 0,
  prompt_tokens bigint NOT NULL DEFAULT 0,
  completion_tokens bigint NOT NULL DEFAULT 0,
  cost_usd numeric(20, 12) NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, at, id)
) PARTITION BY RANGE (at);
COMMENT ON TABLE dbrag.usage_events IS 'Written in the transaction that stores what was bought: an embedding is metered once, reused text never';
CALL dbrag.create_month_partitions('dbrag.usage_events');
CALL dbrag.isolate_by_workspace('dbrag.usage_events');
GRANT SELECT, INSERT ON dbrag.usage_events TO dbrag_app;

CREATE TABLE dbrag.usage_daily (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  day date NOT NULL,
  operation text NOT NULL,
  model text,
  api_key_id uuid,
  subject_id uuid,
  collection_id uuid,
  requests bigint NOT NULL DEFAULT 0,
  embedding_tokens bigint NOT NULL DEFAULT 0,
  prompt_tokens bigint NOT NULL DEFAULT 0,
  completion_tokens bigint NOT NULL DEFAULT 0,
  cost_usd numeric(20, 12) NOT NULL DEFAULT 0,
  UNIQUE NULLS NOT DISTINCT (workspace_id, day, operation, model, api_key_id, subject_id, collection_id)
);
CALL dbrag.isolate_by_workspace('dbrag.usage_daily');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.usage_daily TO dbrag_app;

CREATE TABLE dbrag.audit_events (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT dbrag.new_uuid(),
  at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  action text NOT NULL,
  resource_type text NOT NULL,
  resource_id text,
  access_type text NOT NULL CHECK (access_type IN ('write', 'data_access', 'security')),
  ip inet,
  user_agent text,
  request_id text,
  outcome text NOT NULL CHECK (outcome IN ('success', 'failure', 'denied')),
  detail jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (workspace_id, at, id)
) PARTITION BY RANGE (at);
COMMENT ON TABLE dbrag.audit_events IS 'Append-only: written in the transaction of what it tells of; the application role may neither change nor delete';
CALL dbrag.create_month_partitions('dbrag.audit_events');
CALL dbrag.isolate_by_workspace('dbrag.audit_events');
GRANT SELECT, INSERT ON dbrag.audit_events TO dbrag_app;

CREATE TABLE dbrag.idempotency_keys (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  caller text NOT NULL,
  key text NOT NULL CHECK (octet_length(key) <= 1024),
  request_hash bytea NOT NULL,
  status integer,
  headers jsonb,
  body jsonb,
  leased_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, caller, key)
);
COMMENT ON COLUMN dbrag.idempotency_keys.caller IS 'Whose key it is: one caller''s answer is never replayed to another';
COMMENT ON COLUMN dbrag.idempotency_keys.status IS 'Of the answer to replay; null while the first call is under way';
COMMENT ON COLUMN dbrag.idempotency_keys.leased_until IS 'Calls to a model hold a lease, since they keep no transaction open';
CREATE INDEX idempotency_keys_expired ON dbrag.idempotency_keys (workspace_id, expires_at);
CALL dbrag.isolate_by_workspace('dbrag.idempotency_keys');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.idempotency_keys TO dbrag_app;

CREATE TABLE dbrag.tombstones (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  s3_key text NOT NULL,
  s3_version_id text NOT NULL DEFAULT '',
  document_id uuid NOT NULL,
  deleted_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, s3_key, s3_version_id)
);
COMMENT ON TABLE dbrag.tombstones IS 'Objects that were deleted here: kept longer than any message lives, so that a late event brings nothing back';
CREATE INDEX tombstones_expired ON dbrag.tombstones (workspace_id, expires_at);
CALL dbrag.isolate_by_workspace('dbrag.tombstones');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.tombstones TO dbrag_app;

CREATE TABLE dbrag.rate_windows (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  key text NOT NULL,
  window_start timestamptz NOT NULL,
  used bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, key, window_start)
);
COMMENT ON TABLE dbrag.rate_windows IS 'Counts requests only while the cache is down';
CALL dbrag.isolate_by_workspace('dbrag.rate_windows');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.rate_windows TO dbrag_app;

-- The operator's own tables: no workspace, no row security.

CREATE TABLE dbrag.rejected_uploads (
  id uuid PRIMARY KEY DEFAULT dbrag.new_uuid(),
  bucket text NOT NULL,
  s3_key text NOT NULL,
  s3_version_id text NOT NULL DEFAULT '',
  bytes bigint,
  reason text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (bucket, s3_key, s3_version_id)
);
COMMENT ON TABLE dbrag.rejected_uploads IS 'Objects under a key that names no workspace or collection: no document, but not a silence either';
CREATE INDEX rejected_uploads_newest ON dbrag.rejected_uploads (at DESC, id DESC);
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.rejected_uploads TO dbrag_app;

CREATE TABLE dbrag.sweep_state (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  leased_by uuid,
  leased_until timestamptz,
  armed_until timestamptz,
  objects_cursor text,
  orphans_cursor text,
  nightly_started_at timestamptz,
  nightly_finished_at timestamptz
);
COMMENT ON TABLE dbrag.sweep_state IS 'One row: who sweeps now, until when a sweep is on its way, and where the nightly listings of the bucket stopped';
INSERT INTO dbrag.sweep_state DEFAULT VALUES;
GRANT SELECT, UPDATE ON dbrag.sweep_state TO dbrag_app;
