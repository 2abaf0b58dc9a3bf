-- Whether an answer was known, how many marks were taken out of it, and whose it is.

ALTER TABLE dbrag.queries
  ADD COLUMN result_cache text NOT NULL DEFAULT 'off' CHECK (result_cache IN ('hit', 'miss', 'off')),
  ADD COLUMN removed_marks integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN dbrag.queries.removed_marks IS 'Marks that named no source, or whose quote does not stand there: what they stood behind stays, uncited';

CREATE INDEX conversations_of_subject ON dbrag.conversations (workspace_id, subject_id, created_at, id) WHERE subject_id IS NOT NULL;
