-- A search by the index of a whole partition finds less of a workspace, the smaller its share of it: chunks about one thing lie side by
-- side in the graph, a tenant's apart from the others', and what the others hold is passed first. Measured on 200,000 vectors of 400
-- topics: 0.99 of the nearest for a share of a half, 0.98 for a fifth, 0.90 for a tenth, 0.81 for a twentieth, however far it looked, and for the
-- last in more time than comparing every vector takes. So those of a small share are compared one by one, as far as that may be waited for.
CREATE FUNCTION dbrag.searched_by_index(chunks bigint, rows_of_partition bigint, few_chunks integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT chunks > few_chunks AND (chunks > 3 * few_chunks OR chunks * 5 >= coalesce(rows_of_partition, 0))
$$;
COMMENT ON FUNCTION dbrag.searched_by_index IS 'Whether a workspace of so many chunks is searched by the index of its partition; few_chunks of 0: always';
GRANT EXECUTE ON FUNCTION dbrag.searched_by_index(bigint, bigint, integer) TO dbrag_app, dbrag_search, dbrag_maintainer;

-- And an index on signs keeps its promise only where more of what it gives is ordered by the vectors when searches look farther: 200 of
-- them were nine tenths of the nearest for half of 300,000 vectors, whatever `hnsw.ef_search` said.
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
    -- An index that scans on and on (relaxed_order) gives its rows nearly in order: sorted again here.
    SELECT array_agg(v.document_id), array_agg(v.content_hash), array_agg(v.distance)
      INTO best_documents, best_hashes, best_distances
      FROM (
        SELECT near.document_id, near.content_hash, near.distance
        FROM unnest(near_documents, near_hashes, near_distances) AS near (document_id, content_hash, distance)
        JOIN dbrag.documents d ON d.workspace_id = workspace AND d.id = near.document_id AND d.status <> 'deleting'
        WHERE EXISTS (SELECT FROM dbrag.placements p WHERE p.workspace_id = workspace AND p.document_id = near.document_id
          AND p.content_hash = near.content_hash AND p.version = d.live_version)
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
