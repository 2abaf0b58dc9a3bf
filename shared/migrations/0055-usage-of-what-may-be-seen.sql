-- Whoever is narrowed reads what was spent in what they may see, and nothing of the rest, whatever the statement says.
--
-- Only reading is narrowed: what somebody narrowed spends is recorded like anybody's, and may belong to no collection. What quotas are
-- counted by is the workspace's, whoever asks, so that is summed by functions that see all of the transaction's own workspace. Code of
-- before this file sums it itself: for as long as that still runs, the narrowed are held to their own spending.

CREATE PROCEDURE dbrag.narrow_usage(target regclass)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format(
    $policy$CREATE POLICY usage_narrowing ON %s AS RESTRICTIVE FOR SELECT TO dbrag_app
      USING (CASE
        WHEN nullif(current_setting('dbrag.collection_ids', true), '') IS NOT NULL
          THEN collection_id = ANY (nullif(current_setting('dbrag.collection_ids', true), '')::uuid[])
        WHEN nullif(current_setting('dbrag.connection_ids', true), '') IS NOT NULL THEN collection_id IS NOT NULL
        ELSE true END)$policy$,
    target);
END
$$;
CALL dbrag.narrow_usage('dbrag.usage_events');
CALL dbrag.narrow_usage('dbrag.usage_daily');

-- No policy lets dbrag_system past the workspace here: it is free of the narrowing, and of nothing else.
GRANT SELECT ON dbrag.usage_events TO dbrag_system;

CREATE FUNCTION dbrag.chat_tokens_of_today() RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(sum(prompt_tokens + completion_tokens), 0)::double precision FROM dbrag.usage_events
  WHERE workspace_id = nullif(current_setting('dbrag.workspace_id', true), '')::uuid
    AND at >= date_trunc('day', now(), 'UTC') AND (prompt_tokens > 0 OR completion_tokens > 0)
$$;
COMMENT ON FUNCTION dbrag.chat_tokens_of_today() IS 'What the transaction''s workspace spent since midnight (UTC), whoever spent it';

CREATE FUNCTION dbrag.embedding_tokens_of_today() RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(sum(embedding_tokens), 0)::double precision FROM dbrag.usage_events
  WHERE workspace_id = nullif(current_setting('dbrag.workspace_id', true), '')::uuid AND at >= date_trunc('day', now(), 'UTC')
$$;
COMMENT ON FUNCTION dbrag.embedding_tokens_of_today() IS 'What the transaction''s workspace spent since midnight (UTC), whoever spent it';

-- The maintainer accepts the files that no event told of.
GRANT EXECUTE ON FUNCTION dbrag.chat_tokens_of_today(), dbrag.embedding_tokens_of_today() TO dbrag_app, dbrag_maintainer;
GRANT CREATE ON SCHEMA dbrag TO dbrag_system;
ALTER FUNCTION dbrag.chat_tokens_of_today() OWNER TO dbrag_system;
ALTER FUNCTION dbrag.embedding_tokens_of_today() OWNER TO dbrag_system;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_system;
