-- migrate: outside a transaction
-- Messages from before the trigger, as long as their conversations tell whose they are. A transaction a workspace, as for kept answers.
SET LOCAL ROLE dbrag_system;
SELECT format(
  $$SELECT set_config('dbrag.workspace_id', %1$L, true);
    UPDATE dbrag.messages m SET subject_id = c.subject_id FROM dbrag.conversations c
    WHERE m.workspace_id = %1$L AND m.subject_id IS NULL
      AND c.workspace_id = %1$L AND c.id = m.conversation_id AND c.subject_id IS NOT NULL$$, id) AS statement
FROM dbrag.workspaces;
