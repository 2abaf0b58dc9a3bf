-- What is known of the models that embed: whether one is left alone now, and which chunks have a vector of another meanwhile.
--
-- Why a row and not a key in the cache: the cache may forget, and what people are told of documents that wait, and whether a second
-- space is bought, follows from it. It is written only when a call fails, and read with every look into a pool.
CREATE TABLE dbrag.model_circuits (
  model text PRIMARY KEY,
  failures integer NOT NULL DEFAULT 0,
  openings integer NOT NULL DEFAULT 0,
  fault text CHECK (fault IN ('account', 'outage', 'rate')),
  reason text,
  opened_at timestamptz,
  next_call_at timestamptz,
  probing boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE dbrag.model_circuits IS 'Models that have failed of late. No row, or opened_at null: calls are made';
COMMENT ON COLUMN dbrag.model_circuits.failures IS 'In a row, by all processes';
COMMENT ON COLUMN dbrag.model_circuits.fault IS 'account: an operator has to act. outage: it does not answer. rate: it asked to be left alone';
COMMENT ON COLUMN dbrag.model_circuits.reason IS 'One sentence, for people whose documents wait';
COMMENT ON COLUMN dbrag.model_circuits.next_call_at IS 'When one process may try it';
COMMENT ON COLUMN dbrag.model_circuits.probing IS 'One does so now; until next_call_at at most, should it die';
GRANT SELECT, INSERT, UPDATE ON dbrag.model_circuits TO dbrag_app;

ALTER TABLE dbrag.pending_embeddings ADD COLUMN fallback_model text;
COMMENT ON COLUMN dbrag.pending_embeddings.fallback_model IS
  'The space in which the chunk has a vector until this one is bought, which then goes. A space is searched while a row names it';
CREATE INDEX pending_embeddings_of_fallback ON dbrag.pending_embeddings (workspace_id, fallback_model)
  WHERE fallback_model IS NOT NULL;

-- What is bought for versions that are ready (in the model's own space, once it is back) no unfinished version tells of.
CREATE POLICY system_reads ON dbrag.pending_embeddings FOR SELECT TO dbrag_system USING (true);
GRANT SELECT ON dbrag.pending_embeddings, dbrag.model_circuits TO dbrag_system;
CREATE FUNCTION dbrag.waiting_purchases(page_size integer)
RETURNS TABLE (workspace_id uuid, priority text, document_id uuid, is_probed boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  -- A loose index scan: one look a pool, however much it holds.
  WITH RECURSIVE pools AS (
    (SELECT p.workspace_id, p.priority FROM dbrag.pending_embeddings p ORDER BY p.workspace_id, p.priority LIMIT 1)
    UNION ALL
    SELECT following.workspace_id, following.priority
    FROM pools CROSS JOIN LATERAL (
      SELECT p.workspace_id, p.priority FROM dbrag.pending_embeddings p
      WHERE (p.workspace_id, p.priority) > (pools.workspace_id, pools.priority)
      ORDER BY p.workspace_id, p.priority LIMIT 1) following
  )
  SELECT pools.workspace_id, pools.priority, oldest.document_id, EXISTS (
    SELECT FROM dbrag.model_circuits c
    WHERE c.model = oldest.model AND c.opened_at IS NOT NULL AND c.next_call_at > now() - interval '1 minute')
  FROM pools CROSS JOIN LATERAL (
    SELECT p.document_id, p.model FROM dbrag.pending_embeddings p
    WHERE p.workspace_id = pools.workspace_id AND p.priority = pools.priority AND p.created_at < now() - interval '4 minutes'
      AND (p.leased_until IS NULL OR p.leased_until <= now())
    ORDER BY p.created_at LIMIT 1) oldest
  LIMIT page_size
$$;
COMMENT ON FUNCTION dbrag.waiting_purchases(integer) IS
  'Of each pool of purchases that nobody holds and that have waited for minutes, the document that has waited longest; is_probed: its model is away, and somebody asks it again and again';
GRANT EXECUTE ON FUNCTION dbrag.waiting_purchases(integer) TO dbrag_app, dbrag_maintainer;
GRANT CREATE ON SCHEMA dbrag TO dbrag_system;
ALTER FUNCTION dbrag.waiting_purchases(integer) OWNER TO dbrag_system;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_system;
