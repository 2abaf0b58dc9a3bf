-- How many versions came before one in the line of its workspace and priority, for a job's `why`: the index that says whether more
-- are coming now also says in which order they came.
CREATE INDEX document_versions_in_line ON dbrag.document_versions (workspace_id, priority, created_at)
  WHERE status IN ('queued', 'processing') AND content_hash IS NULL;
DROP INDEX dbrag.document_versions_coming;

COMMENT ON COLUMN dbrag.document_versions.nudged_at IS 'When it last moved or was nudged: the sweeper''s back-off begins here';
