-- A statement that is asked so often that its BEGIN and COMMIT would count is sent behind this one, in one go: both are one
-- transaction, which ends with the go. `by_index`: for plans that are made once for all values and read nothing as a whole where an
-- index gives another way; what is turned off is only made to seem very dear, and the few sorts that remain are not worth compiling.
CREATE FUNCTION dbrag.begin_reading(
  workspace uuid,
  collection_ids uuid[],
  connection_ids uuid[],
  statement_timeout_milliseconds integer,
  ef_search integer,
  by_index boolean
) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ignored text;
BEGIN
  PERFORM dbrag.begin_workspace(workspace, collection_ids, connection_ids, statement_timeout_milliseconds);
  ignored := set_config('transaction_read_only', 'on', true);
  IF ef_search IS NOT NULL THEN
    ignored := set_config('hnsw.ef_search', ef_search::text, true);
  END IF;
  IF by_index THEN
    ignored := set_config('plan_cache_mode', 'force_generic_plan', true);
    ignored := set_config('enable_sort', 'off', true);
    ignored := set_config('enable_seqscan', 'off', true);
    ignored := set_config('jit', 'off', true);
  END IF;
END
$$;
COMMENT ON FUNCTION dbrag.begin_reading(uuid, uuid[], uuid[], integer, integer, boolean) IS
  'Opens a workspace for a transaction that only reads; settings end with it';
GRANT EXECUTE ON FUNCTION dbrag.begin_reading(uuid, uuid[], uuid[], integer, integer, boolean) TO dbrag_app;
