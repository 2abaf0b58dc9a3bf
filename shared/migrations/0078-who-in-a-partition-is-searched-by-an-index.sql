-- An index that no search asks is memory and time for nothing: a workspace of few chunks, or of a small share of its partition, is compared
-- one by one. So the autopilot asks how much the largest workspace of each partition holds. A number a partition, and nobody's name.
CREATE FUNCTION dbrag.largest_workspaces() RETURNS TABLE (partition name, chunks bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  WITH home AS MATERIALIZED (
    SELECT c.relname, h.inhparent, (b.parts[1])::integer AS modulus, (b.parts[2])::integer AS remainder
    FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
    CROSS JOIN LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), 'modulus (\d+), remainder (\d+)') AS b (parts)
    WHERE h.inhparent = 'dbrag.embeddings'::regclass
  )
  SELECT home.relname, max(s.chunks)
  FROM home JOIN dbrag.corpus_statistics s ON satisfies_hash_partition(home.inhparent, home.modulus, home.remainder, s.workspace_id)
  GROUP BY home.relname
$$;
COMMENT ON FUNCTION dbrag.largest_workspaces() IS 'Chunks of the largest workspace of each partition of embeddings that has one';
GRANT EXECUTE ON FUNCTION dbrag.largest_workspaces() TO dbrag_maintainer;
GRANT CREATE ON SCHEMA dbrag TO dbrag_search;
ALTER FUNCTION dbrag.largest_workspaces() OWNER TO dbrag_search;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_search;
