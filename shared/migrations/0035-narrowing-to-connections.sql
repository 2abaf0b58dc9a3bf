-- A key or a member may be narrowed to databases as well as to collections, and what is narrowed sees no key, no person and no trail
-- of what lies outside.
--
-- Null is no narrowing and '{}' narrowed to nothing, for each of the two by itself: a key for one collection sees every database
-- unless its list of connections says otherwise. The function of three arguments stays for the code that is replaced by this deploy.

CREATE FUNCTION dbrag.begin_workspace(
  workspace uuid, collection_ids uuid[], connection_ids uuid[], statement_timeout_milliseconds integer
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ignored text;
BEGIN
  IF workspace IS NULL THEN
    RAISE EXCEPTION 'a workspace is required' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  ignored := set_config('dbrag.workspace_id', workspace::text, true);
  -- '' = no narrowing, '{}' = narrowed to nothing.
  ignored := set_config('dbrag.collection_ids', coalesce(collection_ids::text, ''), true);
  ignored := set_config('dbrag.connection_ids', coalesce(connection_ids::text, ''), true);
  IF statement_timeout_milliseconds IS NOT NULL THEN
    ignored := set_config('statement_timeout', statement_timeout_milliseconds::text, true);
  END IF;
  ignored := set_config('hnsw.ef_search', '100', true);
  -- Without it an index shared by tenants returns a handful of the rows that a small tenant has (measured: recall 0.10).
  ignored := set_config('hnsw.iterative_scan', 'relaxed_order', true);
END
$$;
COMMENT ON FUNCTION dbrag.begin_workspace(uuid, uuid[], uuid[], integer) IS
  'Opens a workspace for this transaction; the ids narrow it further (null: everything in it)';
GRANT EXECUTE ON FUNCTION dbrag.begin_workspace(uuid, uuid[], uuid[], integer) TO dbrag_app;

-- The templates of the narrowing to collections, for connections.
CREATE PROCEDURE dbrag.narrow_to_connections(target regclass, connection_column name DEFAULT 'connection_id')
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    $policy$CREATE POLICY connection_narrowing ON %s AS RESTRICTIVE TO dbrag_app
      USING (nullif(current_setting('dbrag.connection_ids', true), '') IS NULL
        OR %I = ANY (nullif(current_setting('dbrag.connection_ids', true), '')::uuid[]))
      WITH CHECK (nullif(current_setting('dbrag.connection_ids', true), '') IS NULL
        OR %I = ANY (nullif(current_setting('dbrag.connection_ids', true), '')::uuid[]))$policy$,
    target, connection_column, connection_column);
END
$$;

CREATE PROCEDURE dbrag.narrow_to_all_connections(target regclass, connections_column name DEFAULT 'connection_ids')
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    $policy$CREATE POLICY connections_narrowing ON %s AS RESTRICTIVE TO dbrag_app
      USING (nullif(current_setting('dbrag.connection_ids', true), '') IS NULL
        OR %I <@ (nullif(current_setting('dbrag.connection_ids', true), '')::uuid[]))
      WITH CHECK (nullif(current_setting('dbrag.connection_ids', true), '') IS NULL
        OR %I <@ (nullif(current_setting('dbrag.connection_ids', true), '')::uuid[]))$policy$,
    target, connections_column, connections_column);
END
$$;

-- Keys and members: whoever is narrowed sees those that are narrowed as far or further, and makes no others.
CALL dbrag.narrow_to_all_collections('dbrag.api_keys');
CALL dbrag.narrow_to_all_connections('dbrag.api_keys');
CALL dbrag.narrow_to_all_collections('dbrag.members');
CALL dbrag.narrow_to_all_connections('dbrag.members');

-- What was asked of databases is seen by those who may see all of these. A question of before this file asked none; a conversation
-- of before it might go on with any.
ALTER TABLE dbrag.queries ADD COLUMN connection_ids uuid[] DEFAULT '{}';
ALTER TABLE dbrag.conversations ADD COLUMN connection_ids uuid[];
ALTER TABLE dbrag.messages ADD COLUMN connection_ids uuid[];
COMMENT ON COLUMN dbrag.queries.connection_ids IS 'What databases could be asked: null is every one';
COMMENT ON COLUMN dbrag.conversations.connection_ids IS 'What databases questions in it may be asked of: what its creator could see';
CALL dbrag.narrow_to_all_connections('dbrag.queries');
CALL dbrag.narrow_to_all_connections('dbrag.conversations');
CALL dbrag.narrow_to_all_connections('dbrag.messages');

-- A job belongs to a collection, to a connection, or to the workspace; the last is no business of whoever is narrowed at all.
DROP POLICY collection_narrowing ON dbrag.jobs;
CREATE POLICY job_narrowing ON dbrag.jobs AS RESTRICTIVE TO dbrag_app
  USING ((nullif(current_setting('dbrag.collection_ids', true), '') IS NULL
      OR collection_id = ANY (nullif(current_setting('dbrag.collection_ids', true), '')::uuid[])
      OR (collection_id IS NULL AND connection_id IS NOT NULL))
    AND (nullif(current_setting('dbrag.connection_ids', true), '') IS NULL
      OR connection_id = ANY (nullif(current_setting('dbrag.connection_ids', true), '')::uuid[])
      OR (connection_id IS NULL AND collection_id IS NOT NULL)))
  WITH CHECK ((nullif(current_setting('dbrag.collection_ids', true), '') IS NULL
      OR collection_id = ANY (nullif(current_setting('dbrag.collection_ids', true), '')::uuid[])
      OR (collection_id IS NULL AND connection_id IS NOT NULL))
    AND (nullif(current_setting('dbrag.connection_ids', true), '') IS NULL
      OR connection_id = ANY (nullif(current_setting('dbrag.connection_ids', true), '')::uuid[])
      OR (connection_id IS NULL AND collection_id IS NOT NULL)));
