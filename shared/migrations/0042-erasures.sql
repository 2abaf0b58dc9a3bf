-- What is erased stays erased, and whoever asked for it can see so afterwards.
--
-- Rows of history are fenced by foreign keys: a question that is being answered while its workspace is erased finds no workspace to be
-- kept in, and fails, instead of bringing a piece of it back.

ALTER TABLE dbrag.usage_events ADD FOREIGN KEY (workspace_id) REFERENCES dbrag.workspaces (id);
ALTER TABLE dbrag.queries ADD FOREIGN KEY (workspace_id) REFERENCES dbrag.workspaces (id);
ALTER TABLE dbrag.conversations ADD FOREIGN KEY (workspace_id) REFERENCES dbrag.workspaces (id);
ALTER TABLE dbrag.messages ADD FOREIGN KEY (workspace_id) REFERENCES dbrag.workspaces (id);

-- A subject that is being erased is no longer known under its name: whoever comes by that name again is somebody new, and what is still
-- under way for the old one is not kept.
ALTER TABLE dbrag.subjects ADD COLUMN erasing_at timestamptz;
COMMENT ON COLUMN dbrag.subjects.erasing_at IS 'It is being erased: its name is gone already, and nothing is kept for it any more';

-- Outlives the workspace: the operator's, and of whoever still has the key that asked for it.
CREATE TABLE dbrag.erasures (
  id uuid PRIMARY KEY,
  erased_workspace uuid NOT NULL,
  key_hash bytea,
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  counts jsonb NOT NULL DEFAULT '{}',
  certificate jsonb,
  finished_at timestamptz,
  settled_at timestamptz,
  CHECK ((finished_at IS NULL) = (certificate IS NULL))
);
COMMENT ON TABLE dbrag.erasures IS 'Erasures of whole workspaces: what is left of them';
COMMENT ON COLUMN dbrag.erasures.id IS 'Of the job that erases, which goes with its workspace';
COMMENT ON COLUMN dbrag.erasures.key_hash IS 'SHA-256 of the key that asked: it reads the certificate, and nothing else';
COMMENT ON COLUMN dbrag.erasures.counts IS 'Rows and objects that are gone so far, by store';
COMMENT ON COLUMN dbrag.erasures.settled_at IS 'The bucket was looked through once more after every signed URL had ended';
CREATE UNIQUE INDEX erasures_of_workspace ON dbrag.erasures (erased_workspace);
CREATE INDEX erasures_unsettled ON dbrag.erasures (requested_at) WHERE settled_at IS NULL;
GRANT SELECT, INSERT ON dbrag.erasures TO dbrag_app;
