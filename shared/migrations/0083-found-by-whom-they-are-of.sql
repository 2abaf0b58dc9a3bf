-- An answer that is kept under an `Idempotency-Key` names in its body its conversation, and whom it was given for. It is found by an index
-- when one of them has to go. An index on the body would not be used under row security, since `->>` is not leakproof: hence columns. A
-- trigger fills them, so that code of the release before does too; generated columns would rewrite the table while everybody waits. The
-- indexes are built by a later file, since whoever adds a column keeps everybody from the table until the end of the transaction.
ALTER TABLE dbrag.idempotency_keys ADD COLUMN conversation_id uuid, ADD COLUMN subject text;
COMMENT ON COLUMN dbrag.idempotency_keys.conversation_id IS 'That the answer was given in, or that it made';
COMMENT ON COLUMN dbrag.idempotency_keys.subject IS 'The name of the subject that the answer was given for, or that it is about';

CREATE FUNCTION dbrag.conversation_of_answer(body jsonb) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT substring(coalesce(
    substring(body ->> 'conversation_id' FROM '^cnv_[0-9a-f]{32}$'),
    substring(body ->> 'id' FROM '^cnv_[0-9a-f]{32}$')) FROM 5)::uuid
$$;
GRANT EXECUTE ON FUNCTION dbrag.conversation_of_answer(jsonb) TO dbrag_app;

CREATE FUNCTION dbrag.note_whose_answer() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.conversation_id := dbrag.conversation_of_answer(NEW.body);
  NEW.subject := NEW.body ->> 'subject';
  RETURN NEW;
END
$$;
CREATE TRIGGER note_whose BEFORE INSERT OR UPDATE OF body ON dbrag.idempotency_keys
  FOR EACH ROW EXECUTE FUNCTION dbrag.note_whose_answer();
