-- migrate: outside a transaction
-- Answers that were kept before the trigger was there. Row security binds the owner too, so every workspace is opened in turn, and in a
-- transaction of its own: rows are locked no longer than those of one workspace take.
SET LOCAL ROLE dbrag_system;
SELECT format(
  $$SELECT set_config('dbrag.workspace_id', %1$L, true);
    UPDATE dbrag.idempotency_keys SET conversation_id = dbrag.conversation_of_answer(body), subject = body ->> 'subject'
    WHERE workspace_id = %1$L AND conversation_id IS NULL AND subject IS NULL
      AND (dbrag.conversation_of_answer(body) IS NOT NULL OR body ->> 'subject' IS NOT NULL)$$, id) AS statement
FROM dbrag.workspaces;
