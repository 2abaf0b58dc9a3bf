-- What documents are made of. A chunk is a text, a placement is where it stands, an embedding is what it means in one space.
--
-- Why three tables: a new version of a document is then a list of placements. Unchanged text keeps its row and its vector (1,000
-- placements cost 2.7 ms, copying as many vectors 3.2 s and an index vacuum later), and one UPDATE of documents.live_version makes
-- the version visible all at once.
--
-- Why the collection stands in every one of them: narrowing a key to collections is row security too, and a policy that had to
-- look the collection up would cost a subplan a row. A document never changes its collection.
--
-- Why embeddings and pending_embeddings have no foreign key: to check one, Postgres locks the chunk it names, which writes to a page
-- of chunks for every row (and takes 4 µs of the 30 that an embedding takes). Their writers insert `FROM … JOIN chunks` with the
-- document locked instead, and the invariant checker looks for orphans.

CREATE TABLE dbrag.collections (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  id uuid NOT NULL,
  name text NOT NULL,
  description text,
  metadata jsonb NOT NULL DEFAULT '{}',
  chunking jsonb NOT NULL,
  status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deleting')),
  generation bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id)
);
COMMENT ON COLUMN dbrag.collections.chunking IS '{"max_tokens": n, "overlap_tokens": n}';
COMMENT ON COLUMN dbrag.collections.generation IS 'Bumped once per commit batch by swaps and deletes: names the state that a cached result was read at';
CREATE INDEX collections_newest ON dbrag.collections (workspace_id, created_at DESC, id DESC);
CALL dbrag.isolate_by_workspace('dbrag.collections');
CALL dbrag.narrow_to_collections('dbrag.collections', 'id');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.collections TO dbrag_app;

-- Immutable by what it does, which jsonb_build_object cannot say of itself for every type. created_at is seconds since 1970.
CREATE FUNCTION dbrag.document_attributes(
  id uuid, name text, source_uri text, content_type text, created_at timestamptz, metadata jsonb
) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT jsonb_build_object('metadata', metadata, 'document_id', id::text, 'name', name, 'source_uri', source_uri,
    'content_type', content_type, 'created_at', extract(epoch FROM created_at - timestamptz '1970-01-01 00:00:00+00'))
$$;
GRANT EXECUTE ON FUNCTION dbrag.document_attributes(uuid, text, text, text, timestamptz, jsonb) TO dbrag_app;

CREATE TABLE dbrag.documents (
  workspace_id uuid NOT NULL,
  id uuid NOT NULL,
  collection_id uuid NOT NULL,
  name text NOT NULL,
  -- A b-tree entry holds at most 2,704 bytes.
  source_uri text CHECK (octet_length(source_uri) <= 2048),
  content_type text,
  bytes bigint,
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  status text NOT NULL CHECK (status IN
    ('awaiting_upload', 'queued', 'processing', 'ready', 'failed', 'cancelled', 'deleting')),
  version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
  live_version integer,
  s3_key text,
  error jsonb,
  deadline_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  -- Everything that a search filter can name, as one value: a whole filter is then one jsonpath and one indexed operator.
  attributes jsonb NOT NULL GENERATED ALWAYS AS
    (dbrag.document_attributes(id, name, source_uri, content_type, created_at, metadata)) STORED,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, collection_id, source_uri),
  FOREIGN KEY (workspace_id, collection_id) REFERENCES dbrag.collections (workspace_id, id),
  CHECK (deadline_at IS NOT NULL OR status NOT IN ('awaiting_upload', 'queued', 'processing', 'deleting'))
);
COMMENT ON COLUMN dbrag.documents.version IS 'The newest version';
COMMENT ON COLUMN dbrag.documents.live_version IS 'The version that searches see; null until the first is complete';
COMMENT ON COLUMN dbrag.documents.error IS '{"code", "message"} of the newest failure';
COMMENT ON COLUMN dbrag.documents.deadline_at IS 'Every row that is not finished has one';
CREATE INDEX documents_newest ON dbrag.documents (workspace_id, created_at DESC, id DESC);
CREATE INDEX documents_of_collection_by_status ON dbrag.documents (workspace_id, collection_id, status, created_at, id);
CREATE INDEX documents_of_collection ON dbrag.documents (workspace_id, collection_id, created_at DESC, id DESC);
CREATE INDEX documents_by_status ON dbrag.documents (workspace_id, status, created_at DESC, id DESC);
CREATE INDEX documents_attributes ON dbrag.documents USING gin (attributes jsonb_path_ops);
CALL dbrag.isolate_by_workspace('dbrag.documents');
CALL dbrag.narrow_to_collections('dbrag.documents');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.documents TO dbrag_app;

CREATE TABLE dbrag.document_versions (
  workspace_id uuid NOT NULL,
  document_id uuid NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  collection_id uuid NOT NULL,
  attempt integer NOT NULL DEFAULT 1,
  priority text NOT NULL DEFAULT 'default' CHECK (priority IN ('critical', 'default', 'low')),
  status text NOT NULL CHECK (status IN ('awaiting_upload', 'queued', 'processing', 'ready', 'failed', 'cancelled')),
  content_hash bytea,
  content_type text,
  bytes bigint,
  s3_key text NOT NULL,
  s3_version_id text,
  splitter jsonb,
  splitter_version text,
  chunks integer NOT NULL DEFAULT 0,
  embedded integer NOT NULL DEFAULT 0,
  reused integer NOT NULL DEFAULT 0,
  tokens bigint NOT NULL DEFAULT 0,
  job_id uuid,
  error jsonb,
  waiting_until timestamptz,
  nudged_at timestamptz,
  nudges integer NOT NULL DEFAULT 0,
  deadline_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ready_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (workspace_id, document_id, version),
  FOREIGN KEY (workspace_id, document_id) REFERENCES dbrag.documents (workspace_id, id),
  CHECK (deadline_at IS NOT NULL OR status NOT IN ('awaiting_upload', 'queued', 'processing')),
  CHECK (status <> 'failed' OR coalesce(error ->> 'code', '') <> '')
);
COMMENT ON COLUMN dbrag.document_versions.attempt IS 'The fence: a worker that holds an older attempt finds no row';
COMMENT ON COLUMN dbrag.document_versions.content_hash IS 'SHA-256 of the object';
COMMENT ON COLUMN dbrag.document_versions.splitter IS 'The settings that this attempt was split with: fixed, so that a deploy in between mixes nothing';
COMMENT ON COLUMN dbrag.document_versions.chunks IS 'Placements of this version';
COMMENT ON COLUMN dbrag.document_versions.embedded IS 'Distinct chunks of it that were bought for it';
COMMENT ON COLUMN dbrag.document_versions.reused IS 'Distinct chunks of it whose vector was there already';
COMMENT ON COLUMN dbrag.document_versions.waiting_until IS 'It waits for a provider: no crash, no receive spent';
COMMENT ON COLUMN dbrag.document_versions.nudges IS 'How often the sweeper nudged it since it last moved: its back-off doubles with each';
CREATE INDEX document_versions_unfinished ON dbrag.document_versions (coalesce(nudged_at, created_at))
  WHERE status IN ('awaiting_upload', 'queued', 'processing');
CREATE INDEX document_versions_of_object ON dbrag.document_versions (workspace_id, s3_key, s3_version_id);
CALL dbrag.isolate_by_workspace('dbrag.document_versions');
CALL dbrag.narrow_to_collections('dbrag.document_versions');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.document_versions TO dbrag_app;

CREATE TABLE dbrag.chunks (
  workspace_id uuid NOT NULL,
  document_id uuid NOT NULL,
  content_hash bytea NOT NULL,
  id uuid NOT NULL DEFAULT dbrag.new_uuid(),
  collection_id uuid NOT NULL,
  token_count integer NOT NULL,
  language text NOT NULL DEFAULT 'simple',
  text text NOT NULL,
  search tsvector NOT NULL,
  terms sparsevec,
  PRIMARY KEY (workspace_id, document_id, content_hash),
  FOREIGN KEY (workspace_id, document_id) REFERENCES dbrag.documents (workspace_id, id)
) PARTITION BY HASH (workspace_id);
COMMENT ON TABLE dbrag.chunks IS 'A text of a document, once, however often and in however many versions it stands there';
COMMENT ON COLUMN dbrag.chunks.content_hash IS 'SHA-256 of the text, 32 bytes';
COMMENT ON COLUMN dbrag.chunks.language IS 'The text search configuration that `search` was made with: english, german, … or simple';
COMMENT ON COLUMN dbrag.chunks.search IS 'to_tsvector(language, text)';
COMMENT ON COLUMN dbrag.chunks.terms IS 'BM25 weights of hashed lexemes';
ALTER TABLE dbrag.chunks ALTER COLUMN terms SET STORAGE PLAIN;
CREATE INDEX chunks_search ON dbrag.chunks USING gin (search);
CALL dbrag.create_hash_partitions('dbrag.chunks', ${partitions});
CALL dbrag.isolate_by_workspace('dbrag.chunks');
CALL dbrag.narrow_to_collections('dbrag.chunks');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.chunks TO dbrag_app;

CREATE TABLE dbrag.placements (
  workspace_id uuid NOT NULL,
  document_id uuid NOT NULL,
  version integer NOT NULL,
  ordinal integer NOT NULL CHECK (ordinal >= 0),
  collection_id uuid NOT NULL,
  content_hash bytea NOT NULL,
  location jsonb NOT NULL,
  PRIMARY KEY (workspace_id, document_id, version, ordinal),
  FOREIGN KEY (workspace_id, document_id, version) REFERENCES dbrag.document_versions (workspace_id, document_id, version)
);
COMMENT ON TABLE dbrag.placements IS 'Where a chunk stands in a version';
COMMENT ON COLUMN dbrag.placements.location IS '{"page"?: n, "headings": […], "start": n, "end": n}';
CREATE INDEX placements_of_chunk ON dbrag.placements (workspace_id, document_id, content_hash, version);
CALL dbrag.isolate_by_workspace('dbrag.placements');
CALL dbrag.narrow_to_collections('dbrag.placements');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.placements TO dbrag_app;

CREATE TABLE dbrag.embeddings (
  workspace_id uuid NOT NULL,
  document_id uuid NOT NULL,
  content_hash bytea NOT NULL,
  model text NOT NULL,
  collection_id uuid NOT NULL,
  embedding halfvec(${dimensions}) NOT NULL,
  PRIMARY KEY (workspace_id, document_id, content_hash, model)
) PARTITION BY HASH (workspace_id);
COMMENT ON TABLE dbrag.embeddings IS 'What a chunk means in the space of one model. Vectors of different models are never compared';
-- Before the first row: an exact scan of 100k vectors takes 99 ms instead of 269, and partitions inherit it.
ALTER TABLE dbrag.embeddings ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX embeddings_of_collection ON dbrag.embeddings (workspace_id, collection_id);
CALL dbrag.create_hash_partitions('dbrag.embeddings', ${partitions});
CALL dbrag.isolate_by_workspace('dbrag.embeddings');
CALL dbrag.narrow_to_collections('dbrag.embeddings');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.embeddings TO dbrag_app;

CREATE TABLE dbrag.pending_embeddings (
  workspace_id uuid NOT NULL,
  document_id uuid NOT NULL,
  content_hash bytea NOT NULL,
  model text NOT NULL,
  collection_id uuid NOT NULL,
  priority text NOT NULL CHECK (priority IN ('critical', 'default', 'low')),
  attempt integer NOT NULL DEFAULT 1,
  token_count integer NOT NULL,
  leased_until timestamptz,
  leased_by uuid,
  tries integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, document_id, content_hash, model)
);
COMMENT ON TABLE dbrag.pending_embeddings IS 'What is still to buy: a row is deleted in the transaction that stores its embedding';
COMMENT ON COLUMN dbrag.pending_embeddings.leased_until IS 'By the database''s clock; null or past: free';
CREATE INDEX pending_embeddings_of_priority ON dbrag.pending_embeddings (workspace_id, priority, created_at);
CALL dbrag.isolate_by_workspace('dbrag.pending_embeddings');
CALL dbrag.narrow_to_collections('dbrag.pending_embeddings');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.pending_embeddings TO dbrag_app;
