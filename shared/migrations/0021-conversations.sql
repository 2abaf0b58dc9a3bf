-- Conversations and their messages, by month like the questions that they lead to, and the end of months that are over.
--
-- A conversation remembers what its creator might see: questions in it search no further, so that whoever may read it may read all
-- of it. Messages carry the same, as the second lock. They point at their conversation without a foreign key, since the two lie in
-- different partitions: whoever writes a message locks the conversation first, and a deletion takes the messages along.

CREATE TABLE dbrag.conversations (
  workspace_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  id uuid NOT NULL,
  actor text NOT NULL,
  subject_id uuid,
  title text,
  metadata jsonb NOT NULL DEFAULT '{}',
  collection_ids uuid[],
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, created_at, id)
) PARTITION BY RANGE (created_at);
COMMENT ON COLUMN dbrag.conversations.created_at IS 'The time inside the id, to the millisecond';
COMMENT ON COLUMN dbrag.conversations.collection_ids IS 'What questions in it may search: what its creator could see';
CALL dbrag.create_month_partitions('dbrag.conversations');
CALL dbrag.isolate_by_workspace('dbrag.conversations');
CALL dbrag.narrow_to_all_collections('dbrag.conversations');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.conversations TO dbrag_app;

CREATE TABLE dbrag.messages (
  workspace_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  role text NOT NULL CHECK (role IN ('user', 'assistant')),
  content text NOT NULL,
  query_id uuid,
  collection_ids uuid[],
  PRIMARY KEY (workspace_id, created_at, id)
) PARTITION BY RANGE (created_at);
CREATE INDEX messages_of_conversation ON dbrag.messages (workspace_id, conversation_id, created_at, id);
CALL dbrag.create_month_partitions('dbrag.messages');
CALL dbrag.isolate_by_workspace('dbrag.messages');
CALL dbrag.narrow_to_all_collections('dbrag.messages');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.messages TO dbrag_app;

-- Drops the month partitions that end before a time. Whether they are empty cannot be asked here: under forced row security the
-- owner sees no row. The caller knows the longest retention of all workspaces.
CREATE PROCEDURE dbrag.drop_months_before(parent regclass, kept_from timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
  parent_name text := (SELECT relname FROM pg_class WHERE oid = parent);
  month record;
BEGIN
  FOR month IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = parent AND c.relname ~ ('^' || parent_name || '_\d{4}_\d{2}$')
      AND (to_timestamp(right(c.relname, 7), 'YYYY_MM') AT TIME ZONE current_setting('TimeZone') + interval '1 month') AT TIME ZONE 'UTC'
        <= kept_from
  LOOP
    EXECUTE format('DROP TABLE dbrag.%I', month.relname);
  END LOOP;
END
$$;
