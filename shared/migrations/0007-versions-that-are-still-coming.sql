-- Whether more versions of a workspace and priority are still to be split: asked by every embedding worker before it sends a request
-- that is not full. Nearly all versions are finished, so the index holds next to nothing.
CREATE INDEX document_versions_coming ON dbrag.document_versions (workspace_id, priority)
  WHERE status IN ('queued', 'processing') AND content_hash IS NULL;
