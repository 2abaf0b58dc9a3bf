-- A conversation is kept from its last message on, and lies in the month of its first: a month that is over may hold some that are still in use,
-- and is not dropped. The owner, who drops it, sees no row.
CREATE POLICY system_reads ON dbrag.conversations FOR SELECT TO dbrag_system USING (true);
GRANT SELECT (created_at) ON dbrag.conversations TO dbrag_system;

CREATE FUNCTION dbrag.first_conversation(before timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT min(c.created_at) FROM dbrag.conversations c WHERE c.created_at < first_conversation.before
$$;
COMMENT ON FUNCTION dbrag.first_conversation(timestamptz) IS 'When the oldest conversation of all workspaces began; null where none began before that time';

GRANT EXECUTE ON FUNCTION dbrag.first_conversation(timestamptz) TO dbrag_maintainer;
GRANT CREATE ON SCHEMA dbrag TO dbrag_system;
ALTER FUNCTION dbrag.first_conversation(timestamptz) OWNER TO dbrag_system;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_system;
