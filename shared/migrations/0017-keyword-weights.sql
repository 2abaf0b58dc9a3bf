-- BM25 in the tables we have: each chunk's weights of its terms, and a keyword leg that multiplies them with the question's.
--
-- BM25 (Robertson and Walker, TREC-3; k1 1.2, b 0.75) is a scalar product: the part of the chunk (how often a term stands in it, and
-- how long it is) is stored as a sparse vector, the part of the question (how rare its terms are) comes with the question. Computed
-- from the tsvectors at search time the order is the same and takes ten times as long.
--
-- The length part needs an average, which drifts. Weights are relative to the workspace's reference length, one number that all of its
-- chunks share, and not to the average of the moment: nothing has to be rewritten while it drifts, and a night that finds them apart
-- moves the reference and weighs again, slice by slice.

-- PLAIN must fit a page, and a chunk of 4,000 tokens may have more terms than that. MAIN stays in the row whenever it can.
ALTER TABLE dbrag.chunks ALTER COLUMN terms SET STORAGE MAIN;
-- What the previous version of the code wrote, and what was there before: found without reading the table.
CREATE INDEX chunks_without_weights ON dbrag.chunks (workspace_id) WHERE terms IS NULL;

ALTER TABLE dbrag.corpus_statistics
  ADD COLUMN reference_length real CHECK (reference_length > 0),
  ADD COLUMN weighing_after uuid,
  ADD COLUMN counted_at timestamptz,
  ADD COLUMN languages text[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN dbrag.corpus_statistics.reference_length IS 'Lexemes in the chunk that chunks.terms are relative to; null: dbrag.default_length()';
COMMENT ON COLUMN dbrag.corpus_statistics.weighing_after IS 'All chunks are being weighed anew: those of documents up to this id are done';
COMMENT ON COLUMN dbrag.corpus_statistics.counted_at IS 'When they were counted from the chunks themselves, not summed up from differences';
COMMENT ON COLUMN dbrag.corpus_statistics.languages IS 'Text search configurations of live chunks, past ones too: a question is read in each';
ALTER TABLE dbrag.statistics_pending ADD COLUMN languages text[] NOT NULL DEFAULT '{}';

-- The lexemes of a chunk as the splitter makes them by default: 400 tokens of running text without its stop words.
CREATE FUNCTION dbrag.default_length() RETURNS real LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 160::real $$;
GRANT EXECUTE ON FUNCTION dbrag.default_length() TO dbrag_app, dbrag_search;

-- The chunk's part of BM25 for each of its terms, in one row. Unique by term: two lexemes of one hash (one in 10^9) count as one. A set,
-- because Postgres writes the body of such a function into the statement that asks FROM it: 0.12 ms a chunk instead of 0.19.
CREATE FUNCTION dbrag.term_weights(search tsvector, reference_length real) RETURNS TABLE (terms sparsevec)
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1 AS $$
  SELECT ('{' || coalesce(string_agg(term || ':' || weight, ','), '') || '}/1000000000')::public.sparsevec
  FROM (
    SELECT term, (2.2 * occurs / (occurs + 0.3 + 0.9 * sum(occurs) OVER () / reference_length))::real AS weight
    FROM (
      SELECT dbrag.term_of(lexeme) AS term, sum(coalesce(cardinality(positions), 1))::double precision AS occurs
      FROM unnest(search) GROUP BY 1
    ) AS counted
  ) AS weighed
$$;
GRANT EXECUTE ON FUNCTION dbrag.term_weights(tsvector, real) TO dbrag_app, dbrag_search;

-- What a hit must match whatever else it has: every quoted phrase, and none of the excluded words. Null: nothing is demanded.
CREATE FUNCTION dbrag.demanded_words(phrases text[], excluded text[], languages text[]) RETURNS tsquery
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
  demanded tsquery;
  part tsquery;
  phrase text;
  language text;
BEGIN
  FOREACH phrase IN ARRAY phrases || excluded LOOP
    part := NULL;
    FOREACH language IN ARRAY languages LOOP
      part := coalesce(part || phraseto_tsquery(language::regconfig, phrase), phraseto_tsquery(language::regconfig, phrase));
    END LOOP;
    -- Of stop words alone nothing is left to demand.
    CONTINUE WHEN numnode(part) = 0;
    IF phrase = ANY (excluded) THEN part := !! part; END IF;
    demanded := coalesce(demanded && part, part);
  END LOOP;
  RETURN demanded;
END
$$;
GRANT EXECUTE ON FUNCTION dbrag.demanded_words(text[], text[], text[]) TO dbrag_app, dbrag_search;

-- The question's terms with the weight of each (its rarity, times how often it is asked) and the chunks it stands in.
CREATE FUNCTION dbrag.question_terms(workspace uuid, question text, languages text[])
RETURNS TABLE (lexeme text, stands_in bigint, of_chunks bigint, weight double precision)
LANGUAGE sql STABLE ROWS 10 AS $$
  SELECT asked.lexeme, known.stands_in, known.of_chunks,
    asked.times * ln(1 + (known.of_chunks - known.stands_in + 0.5) / (known.stands_in + 0.5))
  FROM (
    SELECT word.lexeme, max(cardinality(word.positions)) AS times
    FROM unnest(languages) AS language, unnest(to_tsvector(language::regconfig, question)) AS word
    -- `simple` drops no stop words; what English drops is dropped there too, or every English question would match all chunks of
    -- other languages.
    WHERE language <> 'simple' OR NOT 'english' = ANY (languages) OR to_tsvector('english', word.lexeme) <> ''
    GROUP BY word.lexeme
  ) AS asked
  LEFT JOIN dbrag.corpus_statistics s ON s.workspace_id = workspace
  LEFT JOIN dbrag.term_statistics t ON t.workspace_id = workspace AND t.term = dbrag.term_of(asked.lexeme)
  -- A term without statistics is rare, or too new to have any; more often than chunks there are stands nothing.
  CROSS JOIN LATERAL (SELECT greatest(s.chunks, t.chunks, 0) AS of_chunks, greatest(t.chunks, 0) AS stands_in) AS known
$$;
GRANT EXECUTE ON FUNCTION dbrag.question_terms(uuid, text, text[]) TO dbrag_search;

-- The visible chunks that share words with the question, best first by BM25. Any word counts: of 225 judged questions 201 match
-- nothing when all must. Common words rank but do not find: a look takes the rarest terms that together stand in so many chunks, none
-- of them in more than a tenth (the rarest always finds), and the rest only ranks what these found. While that gives fewer than
-- `at_least`, the next look takes more, and the last all.
CREATE FUNCTION dbrag.bm25_candidates(
  question text, languages text[], demanded tsquery, wanted integer, at_least integer,
  collections uuid[], filter jsonpath, documents uuid[]
) RETURNS TABLE (document_id uuid, content_hash bytea, score double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  workspace uuid := nullif(current_setting('dbrag.workspace_id', true), '')::uuid;
  scope uuid[] := dbrag.collections_in_scope(collections);
  conditions text := dbrag.candidate_conditions(scope, filter, documents);
  found_by_look constant bigint[] := ARRAY[2000, 20000, NULL];
  fetched_by_look constant integer[] := ARRAY[wanted + 20, wanted * 8 + 20, NULL];
  lexemes text[];
  stands_in bigint[];
  of_chunks bigint;
  asked sparsevec;
  reference real;
  finding text[];
  found_before text[];
  near_documents uuid[];
  near_hashes bytea[];
  near_scores double precision[];
  best_documents uuid[];
  best_hashes bytea[];
  best_scores double precision[];
BEGIN
  SELECT array_agg(t.lexeme ORDER BY t.stands_in, t.lexeme), array_agg(t.stands_in ORDER BY t.stands_in, t.lexeme), max(t.of_chunks),
      ('{' || string_agg(dbrag.term_of(t.lexeme) || ':' || t.weight::real, ',') || '}/1000000000')::sparsevec
    INTO lexemes, stands_in, of_chunks, asked
    FROM dbrag.question_terms(workspace, question, languages) AS t;
  IF lexemes IS NULL THEN RETURN; END IF;
  SELECT coalesce(s.reference_length, dbrag.default_length()) INTO reference
    FROM dbrag.corpus_statistics s WHERE s.workspace_id = workspace;
  FOR look IN 1 .. 3 LOOP
    SELECT array_agg(lexeme) INTO finding
      FROM (
        SELECT lexeme, n, row_number() OVER rarest AS place, sum(n) OVER rarest AS together
        FROM unnest(lexemes, stands_in) AS term (lexeme, n) WINDOW rarest AS (ORDER BY n, lexeme)
      ) AS term
      WHERE place = 1 OR found_by_look[look] IS NULL OR (n <= of_chunks / 10 AND together <= found_by_look[look]);
    -- The same terms again would find the same; unless some that they found were left aside.
    CONTINUE WHEN finding = found_before AND coalesce(cardinality(near_documents), 0) < fetched_by_look[look - 1];
    found_before := finding;
    EXECUTE format($statement$
      SELECT array_agg(document_id), array_agg(content_hash), array_agg(score)
      FROM (
        SELECT c.document_id, c.content_hash, -(coalesce(c.terms, (SELECT w.terms FROM dbrag.term_weights(c.search, $9) AS w)) <#> $6) AS score
        FROM dbrag.chunks c
        WHERE c.workspace_id = $1 AND c.search @@ $7 %s %s
        ORDER BY score DESC
        LIMIT $5
      ) AS near
      $statement$, CASE WHEN demanded IS NULL THEN '' ELSE 'AND c.search @@ $8' END, conditions)
      INTO near_documents, near_hashes, near_scores
      USING workspace, scope, filter, documents, fetched_by_look[look], asked, dbrag.any_of(finding), demanded, reference;
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
  END LOOP;
  RETURN QUERY SELECT * FROM unnest(best_documents, best_hashes, best_scores);
END
$$;

GRANT EXECUTE ON FUNCTION
  dbrag.bm25_candidates(text, text[], tsquery, integer, integer, uuid[], jsonpath, uuid[]) TO dbrag_app;
GRANT CREATE ON SCHEMA dbrag TO dbrag_search;
ALTER FUNCTION dbrag.bm25_candidates(text, text[], tsquery, integer, integer, uuid[], jsonpath, uuid[]) OWNER TO dbrag_search;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_search;
