-- An answer that is kept under an `Idempotency-Key` names in its body whom it was given for. It is found by an index when that name has to go,
-- within a request: the body of every other answer would have to be read otherwise. A column, and filled by a trigger, like the
-- conversation.
ALTER TABLE dbrag.idempotency_keys ADD COLUMN subject text;
COMMENT ON COLUMN dbrag.idempotency_keys.subject IS 'The name of the subject that the answer was given for, or that it is about';

ALTER FUNCTION dbrag.note_conversation_of_answer() RENAME TO note_whose_answer;
CREATE OR REPLACE FUNCTION dbrag.note_whose_answer() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.conversation_id := dbrag.conversation_of_answer(NEW.body);
  NEW.subject := NEW.body ->> 'subject';
  RETURN NEW;
END
$$;
ALTER TRIGGER note_conversation ON dbrag.idempotency_keys RENAME TO note_whose;
CREATE INDEX idempotency_keys_of_subject ON dbrag.idempotency_keys (workspace_id, subject) WHERE subject IS NOT NULL;
