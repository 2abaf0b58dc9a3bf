-- Answers that were kept before the trigger noted their subject. A file of its own: the lock on the table would be held for as long as this
-- takes. Row security binds the owner too, so every workspace is opened in turn.
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
    UPDATE dbrag.idempotency_keys SET subject = body ->> 'subject' WHERE workspace_id = workspace AND body ->> 'subject' IS NOT NULL;
  END LOOP;
  PERFORM set_config('dbrag.workspace_id', '', true);
END
$$;
