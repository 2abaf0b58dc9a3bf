-- The two legs of a search: which chunks come nearest, which share words with the question. Keys and scores only; their text is
-- read by the caller, under row security.
--
-- Why definer functions: `@@` is not leakproof, so under a policy Postgres may not use its index (60k chunks: 217 ms against 0.15).
-- dbrag_search, which can log in nowhere and only read, has a policy of `true`; the functions take no workspace from their caller
-- but the transaction's own, and repeat the narrowing to collections, which is a policy for the application role.
--
-- Why EXECUTE … USING: the statement that walks an index is planned with its values as constants, so partitions are pruned while
-- planning and a partial vector index can be proved to fit its model; conditions that do not apply are left out of it, since
-- planning is a good part of a millisecond. What comes after is static, and its plan is kept for the session.
--
-- Visible is what is placed at the live version of a document that is not deleting. Nearly every row is, so the legs take the best
-- first and look at visibility for those only, with some more fetched than wanted; if that was not enough, they look again.

CREATE POLICY search_reads ON dbrag.documents FOR SELECT TO dbrag_search USING (true);
CREATE POLICY search_reads ON dbrag.document_versions FOR SELECT TO dbrag_search USING (true);
CREATE POLICY search_reads ON dbrag.chunks FOR SELECT TO dbrag_search USING (true);
CREATE POLICY search_reads ON dbrag.placements FOR SELECT TO dbrag_search USING (true);
CREATE POLICY search_reads ON dbrag.embeddings FOR SELECT TO dbrag_search USING (true);
CREATE POLICY search_reads ON dbrag.term_statistics FOR SELECT TO dbrag_search USING (true);
CREATE POLICY search_reads ON dbrag.corpus_statistics FOR SELECT TO dbrag_search USING (true);
GRANT SELECT ON dbrag.documents, dbrag.document_versions, dbrag.chunks, dbrag.placements, dbrag.embeddings,
  dbrag.term_statistics, dbrag.corpus_statistics TO dbrag_search;

-- Where a lexeme stands in chunks.terms and term_statistics: 1 to 10^9, the most that a sparsevec has. Of the hash that routes
-- rows to hash partitions, which therefore never changes.
CREATE FUNCTION dbrag.term_of(lexeme text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (abs(hashtextextended(lexeme, 0) % 1000000000) + 1)::integer
$$;
GRANT EXECUTE ON FUNCTION dbrag.term_of(text) TO dbrag_app, dbrag_search;

-- A question's lexemes under every language that chunks may be written in. `simple` drops no stop words; what English drops is
-- dropped there too, or every English question would match all chunks of other languages.
CREATE FUNCTION dbrag.search_lexemes(question text, languages text[]) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(array_agg(DISTINCT word.lexeme), '{}')
  FROM unnest(languages) AS language, unnest(to_tsvector(language::regconfig, question)) AS word
  WHERE language <> 'simple' OR NOT 'english' = ANY (languages) OR to_tsvector('english', word.lexeme) <> ''
$$;
GRANT EXECUTE ON FUNCTION dbrag.search_lexemes(text, text[]) TO dbrag_app, dbrag_search;

-- A query that any of the lexemes satisfies. They are quoted: a lexeme may hold whatever a text holds.
CREATE FUNCTION dbrag.any_of(lexemes text[]) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', ' | ')::tsquery
  FROM unnest(lexemes) AS lexeme
$$;
GRANT EXECUTE ON FUNCTION dbrag.any_of(text[]) TO dbrag_search;

-- What the caller may see and asked for: null means every collection of the workspace.
CREATE FUNCTION dbrag.collections_in_scope(asked uuid[]) RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  allowed uuid[] := nullif(current_setting('dbrag.collection_ids', true), '')::uuid[];
BEGIN
  IF asked IS NULL THEN RETURN allowed; END IF;
  IF allowed IS NULL THEN RETURN asked; END IF;
  RETURN ARRAY(SELECT unnest(asked) INTERSECT SELECT unnest(allowed));
END
$$;
GRANT EXECUTE ON FUNCTION dbrag.collections_in_scope(uuid[]) TO dbrag_search;

-- The documents that a filter leaves, when their chunks are few enough to be compared one by one; null when they are many (or
-- nothing narrows the search at all): the legs then filter while they go.
CREATE FUNCTION dbrag.matching_documents(filter jsonpath, collections uuid[], most_chunks integer) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  workspace uuid := nullif(current_setting('dbrag.workspace_id', true), '')::uuid;
  scope uuid[] := dbrag.collections_in_scope(collections);
  matched uuid[];
  chunks bigint;
BEGIN
  IF filter IS NULL AND scope IS NULL THEN RETURN NULL; END IF;
  EXECUTE $statement$
    SELECT coalesce(array_agg(id), '{}'), coalesce(sum(chunks), 0)
    FROM (
      SELECT d.id, v.chunks
      FROM dbrag.documents d
      JOIN dbrag.document_versions v ON v.workspace_id = d.workspace_id AND v.document_id = d.id AND v.version = d.live_version
      WHERE d.workspace_id = $1 AND d.status <> 'deleting'
        AND ($2 IS NULL OR d.collection_id = ANY ($2))
        AND ($3 IS NULL OR d.attributes @@ $3)
      LIMIT $4 + 1
    ) AS few
  $statement$ INTO matched, chunks USING workspace, scope, filter, most_chunks;
  -- One chunk a document at least: more documents than that are too many chunks as well.
  IF chunks > most_chunks OR cardinality(matched) > most_chunks THEN RETURN NULL; END IF;
  RETURN matched;
END
$$;

-- The conditions of a leg beyond the workspace, over an alias `c`: $2 collections, $3 filter, $4 documents. Fixed words only; the
-- values stay parameters.
CREATE FUNCTION dbrag.candidate_conditions(scope uuid[], filter jsonpath, documents uuid[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN CASE WHEN scope IS NULL THEN '' ELSE 'AND c.collection_id = ANY ($2) ' END
    || CASE
      WHEN documents IS NOT NULL THEN 'AND c.document_id = ANY ($4)'
      WHEN filter IS NOT NULL THEN 'AND EXISTS (SELECT FROM dbrag.documents d
        WHERE d.workspace_id = $1 AND d.id = c.document_id AND d.attributes @@ $3)'
      ELSE ''
    END;
END
$$;
GRANT EXECUTE ON FUNCTION dbrag.candidate_conditions(uuid[], jsonpath, uuid[]) TO dbrag_search;

-- The nearest visible chunks of one model's space, best first. `wanted` rows come back whenever there are as many: what the index
-- gives too few of (a small tenant in a large partition, a narrow filter) is looked for exactly.
CREATE FUNCTION dbrag.semantic_candidates(
  question halfvec, space text, wanted integer, collections uuid[], filter jsonpath, documents uuid[], few_chunks integer
) RETURNS TABLE (document_id uuid, content_hash bytea, distance double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  workspace uuid := nullif(current_setting('dbrag.workspace_id', true), '')::uuid;
  scope uuid[] := dbrag.collections_in_scope(collections);
  conditions text := dbrag.candidate_conditions(scope, filter, documents);
  indexed boolean := documents IS NULL;
  home oid;
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
  IF indexed THEN
    -- Few are compared one by one, and so is everything in a partition without a vector index. The order is for the planner: any
    -- row would do, but a sequential scan may have to pass all other tenants to find one.
    SELECT e.tableoid INTO home FROM dbrag.embeddings e WHERE e.workspace_id = workspace
      ORDER BY e.document_id, e.content_hash LIMIT 1;
    indexed := EXISTS (
        SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
        WHERE i.indrelid = home AND a.amname = 'hnsw' AND i.indisvalid);
  END IF;
  IF indexed THEN
    -- Counted (2 ms at most) only where the statistics know nothing yet.
    SELECT nullif(s.chunks, 0) INTO counted FROM dbrag.corpus_statistics s WHERE s.workspace_id = workspace;
    IF counted IS NULL THEN
      SELECT count(*) INTO counted
        FROM (SELECT FROM dbrag.embeddings e WHERE e.workspace_id = workspace LIMIT few_chunks + 1) AS counting;
    END IF;
    indexed := counted > few_chunks;
  END IF;
  IF indexed THEN
    ordering := 'c.embedding <=> $7';
    looks := ARRAY[wanted + 10, wanted * 8] || looks;
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
      USING workspace, scope, filter, documents, looks[look], space, question;
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

-- The visible chunks that share words with the question, best first. Any word counts: of 225 judged questions 201 match nothing
-- when all must. Common words rank but do not find: a term that stands in more than a tenth of the chunks is left to the ranking
-- of what the rarer ones found (the top ten stay the same), and so are terms once rarer ones find 1,000 chunks (2.3 ms of
-- ranking), which bounds the time in a corpus of any size; unless all that finds fewer than `at_least`.
CREATE FUNCTION dbrag.keyword_candidates(
  question text, languages text[], wanted integer, at_least integer, collections uuid[], filter jsonpath, documents uuid[]
) RETURNS TABLE (document_id uuid, content_hash bytea, score double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  workspace uuid := nullif(current_setting('dbrag.workspace_id', true), '')::uuid;
  scope uuid[] := dbrag.collections_in_scope(collections);
  conditions text := dbrag.candidate_conditions(scope, filter, documents);
  most_found constant integer := 1000;
  lexemes text[] := dbrag.search_lexemes(question, languages);
  ranking tsquery := dbrag.any_of(lexemes);
  finding tsquery;
  rare text[];
  fetched integer;
  near_documents uuid[];
  near_hashes bytea[];
  near_scores double precision[];
  best_documents uuid[];
  best_hashes bytea[];
  best_scores double precision[];
BEGIN
  IF cardinality(lexemes) = 0 THEN RETURN; END IF;
  -- A term without statistics is rare, or too new to have any. The rarest always finds.
  SELECT array_agg(lexeme) INTO rare
    FROM (
      SELECT lexeme, coalesce(t.chunks, 0) AS stands_in, s.chunks AS of_chunks,
        sum(coalesce(t.chunks, 0)) OVER (ORDER BY coalesce(t.chunks, 0), lexeme) AS together
      FROM dbrag.corpus_statistics s
      CROSS JOIN unnest(lexemes) AS lexeme
      LEFT JOIN dbrag.term_statistics t ON t.workspace_id = workspace AND t.term = dbrag.term_of(lexeme)
      WHERE s.workspace_id = workspace AND s.chunks > 0
    ) AS term
    WHERE stands_in <= of_chunks / 10 AND (together <= most_found OR together = stands_in);
  finding := dbrag.any_of(coalesce(rare, lexemes));
  FOREACH fetched IN ARRAY ARRAY[wanted + 20, NULL] LOOP
    EXECUTE format($statement$
      SELECT array_agg(document_id), array_agg(content_hash), array_agg(score)
      FROM (
        SELECT c.document_id, c.content_hash, ts_rank(c.search, $6, 1)::double precision AS score
        FROM dbrag.chunks c
        WHERE c.workspace_id = $1 AND c.search @@ $7 %s
        ORDER BY score DESC
        LIMIT $5
      ) AS near
      $statement$, conditions)
      INTO near_documents, near_hashes, near_scores
      USING workspace, scope, filter, documents, fetched, ranking, finding;
    SELECT array_agg(v.document_id), array_agg(v.content_hash), array_agg(v.score)
      INTO best_documents, best_hashes, best_scores
      FROM (
        SELECT near.document_id, near.content_hash, near.score
        FROM unnest(near_documents, near_hashes, near_scores) AS near (document_id, content_hash, score)
        JOIN dbrag.documents d ON d.workspace_id = workspace AND d.id = near.document_id AND d.status <> 'deleting'
        WHERE EXISTS (SELECT FROM dbrag.placements p WHERE p.workspace_id = workspace AND p.document_id = near.document_id
          AND p.content_hash = near.content_hash AND p.version = d.live_version)
        ORDER BY near.score DESC, near.document_id, near.content_hash
        LIMIT wanted
      ) AS v;
    EXIT WHEN cardinality(best_documents) >= at_least;
    finding := ranking;
  END LOOP;
  RETURN QUERY SELECT * FROM unnest(best_documents, best_hashes, best_scores);
END
$$;

GRANT EXECUTE ON FUNCTION dbrag.matching_documents(jsonpath, uuid[], integer),
  dbrag.semantic_candidates(halfvec, text, integer, uuid[], jsonpath, uuid[], integer),
  dbrag.keyword_candidates(text, text[], integer, integer, uuid[], jsonpath, uuid[]) TO dbrag_app;
GRANT CREATE ON SCHEMA dbrag TO dbrag_search;
ALTER FUNCTION dbrag.matching_documents(jsonpath, uuid[], integer) OWNER TO dbrag_search;
ALTER FUNCTION dbrag.semantic_candidates(halfvec, text, integer, uuid[], jsonpath, uuid[], integer) OWNER TO dbrag_search;
ALTER FUNCTION dbrag.keyword_candidates(text, text[], integer, integer, uuid[], jsonpath, uuid[]) OWNER TO dbrag_search;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_search;
