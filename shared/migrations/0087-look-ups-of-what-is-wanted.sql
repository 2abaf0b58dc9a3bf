-- An index on signs gives 200 candidates and more, of which ten are wanted. Whether each stands in a live version was looked up for all
-- of them, and now is for the nearest first, until there are as many as are wanted.
GRANT CREATE ON SCHEMA dbrag TO dbrag_search;
SET LOCAL ROLE dbrag_search;
-- The nearest visible chunks of one model's space, best first. `wanted` rows come back whenever there are as many: what the index
-- gives too few of (a small tenant in a large partition, a narrow filter) is looked for exactly.
CREATE OR REPLACE FUNCTION dbrag.nearest_candidates(
  question halfvec, space text, demanded tsquery, wanted integer, collections uuid[], filter jsonpath, documents uuid[], few_chunks integer
) RETURNS TABLE (document_id uuid, content_hash bytea, distance double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  workspace uuid := nullif(current_setting('dbrag.workspace_id', true), '')::uuid;
  scope uuid[] := dbrag.collections_in_scope(collections);
  conditions text := dbrag.candidate_conditions(scope, filter, documents)
    || CASE WHEN demanded IS NULL THEN '' ELSE ' AND EXISTS (SELECT FROM dbrag.chunks k WHERE k.workspace_id = $1
      AND k.document_id = c.document_id AND k.content_hash = c.content_hash AND k.search @@ $8)' END;
  index_kind text;
  home oid;
  rows_of_partition bigint;
  ef_search integer;
  reranked integer;
  counted bigint;
  looks integer[] := ARRAY[wanted * 2 + 50, NULL];
  -- By a sum no index can order: that scan is exact.
  exact constant text := '(c.embedding <=> $7) + 0';
  ordering text := exact;
  near_documents uuid[];
  near_hashes bytea[];
  near_distances double precision[];
  best_documents uuid[];
  best_hashes bytea[];
  best_distances double precision[];
BEGIN
  IF documents IS NULL THEN
    -- Few are compared one by one, and so is everything in a partition without a vector index. The order is for the planner: any
    -- row would do, but a sequential scan may have to pass all other tenants to find one.
    SELECT e.tableoid INTO home FROM dbrag.embeddings e WHERE e.workspace_id = workspace
      ORDER BY e.document_id, e.content_hash LIMIT 1;
    index_kind := dbrag.vector_index_of(home);
  END IF;
  IF index_kind IS NOT NULL THEN
    -- Counted (2 ms at most) only where the statistics know nothing yet.
    SELECT nullif(s.chunks, 0) INTO counted FROM dbrag.corpus_statistics s WHERE s.workspace_id = workspace;
    IF counted IS NULL THEN
      SELECT count(*) INTO counted
        FROM (SELECT FROM dbrag.embeddings e WHERE e.workspace_id = workspace LIMIT few_chunks + 1) AS counting;
    END IF;
    SELECT i.ef_search, i.rows INTO ef_search, rows_of_partition FROM dbrag.vector_indexes i
      WHERE i.partition = (SELECT relname FROM pg_class WHERE oid = home) AND i.model = space;
  END IF;
  IF dbrag.searched_by_index(counted, rows_of_partition, few_chunks) THEN
    reranked := 2 * coalesce(ef_search, 100);
    IF ef_search IS NOT NULL THEN PERFORM set_config('hnsw.ef_search', ef_search::text, true); END IF;
    IF index_kind = 'hnsw' THEN
      ordering := 'c.embedding <=> $7';
      looks := ARRAY[wanted + 10, wanted * 8] || looks;
    ELSE
      -- Bits say little about near neighbours: many of them, and their vectors decide; more of them, the farther a search looks.
      ordering := 'binary_quantize(c.embedding)::bit(${dimensions}) <~> binary_quantize($7)::bit(${dimensions})';
      looks := ARRAY[greatest(reranked, wanted * 4), greatest(reranked, wanted) * 8] || looks;
    END IF;
  END IF;
  FOR look IN 1 .. cardinality(looks) LOOP
    IF look = 3 THEN ordering := exact; END IF;
    EXECUTE format($statement$
      SELECT array_agg(document_id), array_agg(content_hash), array_agg(distance)
      FROM (
        SELECT c.document_id, c.content_hash, c.embedding <=> $7 AS distance
        FROM dbrag.embeddings c
        WHERE c.workspace_id = $1 AND c.model = $6 %s
        ORDER BY %s
        LIMIT $5
      ) AS near
      $statement$, conditions, ordering)
      INTO near_documents, near_hashes, near_distances
      USING workspace, scope, filter, documents, looks[look], space, question, demanded;
    -- An index that scans on and on (relaxed_order) gives its rows nearly in order: sorted again here, and before they are looked up, so
    -- that the limit ends the look-ups.
    SELECT array_agg(v.document_id), array_agg(v.content_hash), array_agg(v.distance)
      INTO best_documents, best_hashes, best_distances
      FROM (
        SELECT near.document_id, near.content_hash, near.distance
        FROM (
          SELECT * FROM unnest(near_documents, near_hashes, near_distances) AS given (document_id, content_hash, distance)
          ORDER BY given.distance, given.document_id, given.content_hash
        ) AS near
        CROSS JOIN LATERAL (SELECT live_version FROM dbrag.documents
          WHERE workspace_id = workspace AND id = near.document_id AND status <> 'deleting' LIMIT 1) AS d
        CROSS JOIN LATERAL (SELECT FROM dbrag.placements p WHERE p.workspace_id = workspace AND p.document_id = near.document_id
          AND p.content_hash = near.content_hash AND p.version = d.live_version LIMIT 1) AS p
        ORDER BY near.distance, near.document_id, near.content_hash
        LIMIT wanted
      ) AS v;
    EXIT WHEN cardinality(best_documents) = wanted
      OR (ordering = exact AND coalesce(cardinality(near_documents), 0) < looks[look]);
  END LOOP;
  RETURN QUERY SELECT * FROM unnest(best_documents, best_hashes, best_distances);
END
$$;

SET LOCAL ROLE dbrag_owner;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_search;
