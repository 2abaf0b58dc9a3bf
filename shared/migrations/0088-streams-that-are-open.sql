-- Streams of events hold an execution environment each, of the few that also answer questions and run statements: a workspace may hold so many.
CREATE TABLE dbrag.open_streams (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  id uuid NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE dbrag.open_streams IS 'Streams of events that are open; deleted when they end, counted no longer once their lease has expired';
CALL dbrag.isolate_by_workspace('dbrag.open_streams');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.open_streams TO dbrag_app;
