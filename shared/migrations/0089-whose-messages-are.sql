-- A conversation may end before its last messages do, by retention: they stay somebody's. A trigger notes whose they are, so that messages
-- of the release before are found too. Whoever writes a message holds its conversation, so it is there to be read.
ALTER TABLE dbrag.messages ADD COLUMN subject_id uuid;
COMMENT ON COLUMN dbrag.messages.subject_id IS 'That of the conversation';

CREATE FUNCTION dbrag.note_subject_of_message() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  -- The id tells when the conversation was created, which tells its month.
  milliseconds bigint := ('x' || left(replace(NEW.conversation_id::text, '-', ''), 12))::bit(48)::bigint;
BEGIN
  NEW.subject_id := (
    SELECT c.subject_id FROM dbrag.conversations c
    WHERE c.workspace_id = NEW.workspace_id AND c.id = NEW.conversation_id
      AND c.created_at = timestamptz 'epoch' + milliseconds * interval '1 millisecond');
  RETURN NEW;
END
$$;
CREATE TRIGGER note_subject BEFORE INSERT ON dbrag.messages
  FOR EACH ROW WHEN (NEW.subject_id IS NULL) EXECUTE FUNCTION dbrag.note_subject_of_message();

-- Months that are made from here on get it. Those that are there get it from a later file, one by one and without a lock.
CREATE INDEX messages_of_subject ON ONLY dbrag.messages (workspace_id, subject_id, created_at, id) WHERE subject_id IS NOT NULL;
