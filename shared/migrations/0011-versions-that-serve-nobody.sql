-- Versions that serve nobody any more leave: their placements, then texts that nothing places, then their vectors and files. The row
-- of the version stays, so that the list of versions still tells what each one was.

ALTER TABLE dbrag.document_versions ADD COLUMN retired_at timestamptz, ADD COLUMN removed_at timestamptz;
COMMENT ON COLUMN dbrag.document_versions.retired_at IS
  'Since when it serves nobody: overtaken by a newer live version, failed or cancelled. Null while it is live or unfinished';
COMMENT ON COLUMN dbrag.document_versions.removed_at IS
  'Since when nothing but this row is left of it';

-- What is to be removed: next to nothing, most of the time.
CREATE INDEX document_versions_retired ON dbrag.document_versions (workspace_id, retired_at)
  WHERE retired_at IS NOT NULL AND removed_at IS NULL;
