-- Answers that were kept before the trigger was there. A file of its own: the trigger's lock would be held for as long as this takes. Row
-- security binds the owner too, so every workspace is opened in turn.
DO $$
DECLARE
  workspaces uuid[];
  workspace uuid;
BEGIN
  SET LOCAL ROLE dbrag_system;
  workspaces := ARRAY(SELECT id FROM dbrag.workspaces);
  SET LOCAL ROLE dbrag_owner;
  FOREACH workspace IN ARRAY workspaces LOOP
    PERFORM set_config('dbrag.workspace_id', workspace::text, true);
    UPDATE dbrag.idempotency_keys SET conversation_id = dbrag.conversation_of_answer(body)
    WHERE workspace_id = workspace AND dbrag.conversation_of_answer(body) IS NOT NULL;
  END LOOP;
  PERFORM set_config('dbrag.workspace_id', '', true);
END
$$;
