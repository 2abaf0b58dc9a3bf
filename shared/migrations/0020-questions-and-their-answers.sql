-- Every question with its answer: history, feedback, traces and the figures of them.
--
-- Why by month: history is the table that grows for ever. A list reads its newest partition by the primary key backwards, analytics
-- read the months they are asked for, and months that are over for everybody are dropped whole. `created_at` is the time inside the
-- id (UUIDv7), so that a question is found by its id alone in one partition.

CREATE TABLE dbrag.queries (
  workspace_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  id uuid NOT NULL,
  actor text NOT NULL,
  api_key_id uuid,
  subject_id uuid,
  conversation_id uuid,
  collection_ids uuid[],
  source_collection_ids uuid[] NOT NULL DEFAULT '{}',
  question text NOT NULL,
  reasoning text NOT NULL CHECK (reasoning IN ('direct', 'decompose')),
  route text NOT NULL CHECK (route IN ('documents', 'database', 'both', 'clarify')),
  answer text,
  answered boolean NOT NULL,
  citations jsonb NOT NULL DEFAULT '[]',
  sources jsonb NOT NULL DEFAULT '[]',
  steps jsonb NOT NULL DEFAULT '[]',
  sql jsonb,
  model text NOT NULL,
  provider text NOT NULL,
  degraded text[] NOT NULL DEFAULT '{}',
  error jsonb,
  embedding_tokens bigint NOT NULL DEFAULT 0,
  prompt_tokens bigint NOT NULL DEFAULT 0,
  completion_tokens bigint NOT NULL DEFAULT 0,
  cost_usd numeric(20, 12) NOT NULL DEFAULT 0,
  embedding_cache text NOT NULL CHECK (embedding_cache IN ('hit', 'miss', 'off')),
  timing jsonb NOT NULL,
  total_ms double precision NOT NULL,
  trace jsonb NOT NULL,
  rating smallint CHECK (rating BETWEEN 1 AND 5),
  comment text,
  rated_at timestamptz,
  PRIMARY KEY (workspace_id, created_at, id)
) PARTITION BY RANGE (created_at);
COMMENT ON COLUMN dbrag.queries.created_at IS 'The time inside the id, to the millisecond';
COMMENT ON COLUMN dbrag.queries.collection_ids IS 'What was searched: null is every collection, which no narrowed caller may read of';
COMMENT ON COLUMN dbrag.queries.source_collection_ids IS 'Where the sources came from';
COMMENT ON COLUMN dbrag.queries.answered IS 'A source survived the check; false also where the model was down';
COMMENT ON COLUMN dbrag.queries.trace IS 'Hits and scores before and after fusion, chunks that the model read, hash of the prompt; no text of documents';
CREATE INDEX queries_of_conversation ON dbrag.queries (workspace_id, conversation_id, created_at, id) WHERE conversation_id IS NOT NULL;
CREATE INDEX queries_unanswered ON dbrag.queries (workspace_id, created_at, id) WHERE NOT answered;
CREATE INDEX queries_rated ON dbrag.queries (workspace_id, created_at, id) WHERE rating IS NOT NULL;
CREATE INDEX queries_of_subject ON dbrag.queries (workspace_id, subject_id, created_at, id) WHERE subject_id IS NOT NULL;
CALL dbrag.create_month_partitions('dbrag.queries');
CALL dbrag.isolate_by_workspace('dbrag.queries');

-- The third template: what was asked of several collections is seen by those who may see all of them.
CREATE PROCEDURE dbrag.narrow_to_all_collections(target regclass, collections_column name DEFAULT 'collection_ids')
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    $policy$CREATE POLICY collections_narrowing ON %s AS RESTRICTIVE TO dbrag_app
      USING (nullif(current_setting('dbrag.collection_ids', true), '') IS NULL
        OR %I <@ (nullif(current_setting('dbrag.collection_ids', true), '')::uuid[]))
      WITH CHECK (nullif(current_setting('dbrag.collection_ids', true), '') IS NULL
        OR %I <@ (nullif(current_setting('dbrag.collection_ids', true), '')::uuid[]))$policy$,
    target, collections_column, collections_column);
END
$$;
CALL dbrag.narrow_to_all_collections('dbrag.queries');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.queries TO dbrag_app;
