-- What is kept of a conversation, and what is kept of a subject, is found by an index when it has to go.
--
-- An answer that is kept under an `Idempotency-Key` names its conversation in its body. An index on the body would not be used under row
-- security, since `->>` is not leakproof: hence a column. A trigger fills it, so that code of the release before does too; a generated column
-- would rewrite the table while everybody waits.
ALTER TABLE dbrag.idempotency_keys ADD COLUMN conversation_id uuid;
COMMENT ON COLUMN dbrag.idempotency_keys.conversation_id IS 'That the answer was given in, or that it made';

CREATE FUNCTION dbrag.conversation_of_answer(body jsonb) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT substring(coalesce(
    substring(body ->> 'conversation_id' FROM '^cnv_[0-9a-f]{32}$'),
    substring(body ->> 'id' FROM '^cnv_[0-9a-f]{32}$')) FROM 5)::uuid
$$;
GRANT EXECUTE ON FUNCTION dbrag.conversation_of_answer(jsonb) TO dbrag_app;

CREATE FUNCTION dbrag.note_conversation_of_answer() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.conversation_id := dbrag.conversation_of_answer(NEW.body);
  RETURN NEW;
END
$$;
CREATE TRIGGER note_conversation BEFORE INSERT OR UPDATE OF body ON dbrag.idempotency_keys
  FOR EACH ROW EXECUTE FUNCTION dbrag.note_conversation_of_answer();
CREATE INDEX idempotency_keys_of_conversation ON dbrag.idempotency_keys (workspace_id, conversation_id) WHERE conversation_id IS NOT NULL;

-- A conversation may end before its last messages do, by retention: they stay somebody's.
ALTER TABLE dbrag.messages ADD COLUMN subject_id uuid;
COMMENT ON COLUMN dbrag.messages.subject_id IS 'That of the conversation; null also for messages from before there was this column, which only the conversation tells it of';
CREATE INDEX messages_of_subject ON dbrag.messages (workspace_id, subject_id, created_at, id) WHERE subject_id IS NOT NULL;
