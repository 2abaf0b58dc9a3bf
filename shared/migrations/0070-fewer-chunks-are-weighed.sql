-- A question's keyword leg weighs fewer chunks and misses fewer of the best. Before, it weighed what the rarest words found, up to 2,000 chunks:
-- of 100,000 texts of 80 words (Zipf), that held 0.92 of the ten best and of the fifty best, and the median was 697 chunks, each a row somewhere
-- in memory. Two middling words are worth as much as one rare word, and stand together in few chunks: combinations of words hold 0.97 of
-- the ten and of the fifty, in fewer chunks.
--
-- Which combinations: as words are about independent, so many chunks are expected to hold exactly these words and no others, and the sum of
-- the words' weights says about how high those stand. From the highest sum down, combinations are taken until they are expected to hold several
-- times what is wanted; then some more, since how often a word stands in a text counts as well. Words beyond the five weightiest make no
-- combinations: those of them that are rare find by themselves, since a text that holds many of them (a pasted error message, a list of parts) is the best.

-- $1 lexemes, the weightiest first  $2 in how many chunks each stands  $3 their weights  $4 of so many chunks  $5 hits that are wanted.
-- A query that the chunks worth weighing satisfy; null where there are no lexemes. Loops, since the same in SQL takes 0.34 ms instead of 0.1.
CREATE FUNCTION dbrag.worth_weighing(lexemes text[], stands_in bigint[], weights double precision[], of_chunks bigint, wanted integer)
RETURNS tsquery LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  most_words constant integer := 5;
  -- The index passes every chunk of a combination's rarest word. The rarest of all always finds: a word that is repeated in the question may
  -- weigh more, and be common.
  most_passed bigint := greatest(2500, (SELECT min(n) FROM unnest(stands_in) AS word (n) WHERE n > 0));
  -- Of combinations, by the words in them as bits: the empty one is the first.
  weight double precision[] := ARRAY[0];
  expected double precision[] := ARRAY[of_chunks];
  rarest bigint[] := ARRAY[NULL];
  words text[] := ARRAY[NULL];
  size integer := 1;
  word text;
  share double precision;
  least_weight double precision;
  query text[] := '{}';
  other_words text[] := '{}';
  other_counts bigint[] := '{}';
BEGIN
  FOR place IN 1 .. cardinality(lexemes) LOOP
    word := '''' || replace(replace(lexemes[place], '\', '\\'), '''', '''''') || '''';
    IF stands_in[place] <= 0 THEN
      -- A word without statistics is rare, or too new to have any.
      query := query || word;
    ELSIF size < 1 << most_words THEN
      share := least(stands_in[place]::double precision / of_chunks, 0.999);
      FOR other IN 1 .. size LOOP
        weight[size + other] := weight[other] + weights[place];
        expected[size + other] := expected[other] * share;
        expected[other] := expected[other] * (1 - share);
        rarest[size + other] := least(rarest[other], stands_in[place]);
        words[size + other] := concat_ws(' & ', words[other], word);
      END LOOP;
      size := size * 2;
    ELSE
      other_words := other_words || word;
      other_counts := other_counts || stands_in[place];
    END IF;
  END LOOP;
  SELECT 0.85 * coalesce(max(sum) FILTER (WHERE so_far >= 45 + 0.6 * wanted), 0) INTO least_weight
    FROM (
      SELECT sum, sum(holding) OVER (ORDER BY sum DESC) AS so_far
      FROM unnest(weight, expected, rarest) AS combination (sum, holding, n) WHERE n <= most_passed
    ) AS heaviest;
  -- Where the combinations are expected to hold less than what is wanted, as many as without them.
  SELECT query || coalesce(array_agg(found.word), '{}') INTO query
    FROM (
      SELECT other.word, sum(other.n) OVER (ORDER BY other.n, other.word) AS together FROM unnest(other_words, other_counts) AS other (word, n)
    ) AS found
    WHERE together <= CASE WHEN least_weight = 0 THEN 2000 ELSE 500 END;
  size := size / 2;
  WHILE size >= 1 LOOP
    -- Without its lightest word, which is its last, a combination is not enough: no smaller one has it in it.
    FOR other IN 1 .. size LOOP
      IF weight[size + other] >= least_weight AND (weight[other] < least_weight OR other = 1) AND rarest[size + other] <= most_passed THEN
        query := query || ('(' || words[size + other] || ')');
      END IF;
    END LOOP;
    size := size / 2;
  END LOOP;
  RETURN nullif(array_to_string(query, ' | '), '')::tsquery;
END
$$;
GRANT EXECUTE ON FUNCTION dbrag.worth_weighing(text[], bigint[], double precision[], bigint, integer) TO dbrag_search;

GRANT CREATE ON SCHEMA dbrag TO dbrag_search;
SET LOCAL ROLE dbrag_search;
-- The visible chunks that share words with the question, best first by BM25. Any word counts: of 225 judged questions 201 match nothing when
-- all must. The first look weighs what `worth_weighing` says, unless something narrows the search, of which no statistics tell. Where it gives fewer
-- than `wanted` (words that avoid each other stand in fewer chunks together than expected), the next takes everything that the rarest words
-- find up to 2,000 chunks (and none of them in more than a tenth; the rarest always finds). While that gives fewer than `at_least`, the next takes
-- rare words up to 20,000 chunks, and the last all.
CREATE OR REPLACE FUNCTION dbrag.bm25_candidates(
  question text, languages text[], demanded tsquery, wanted integer, at_least integer,
  collections uuid[], filter jsonpath, documents uuid[]
) RETURNS TABLE (document_id uuid, content_hash bytea, score double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  workspace uuid := nullif(current_setting('dbrag.workspace_id', true), '')::uuid;
  scope uuid[] := dbrag.collections_in_scope(collections);
  conditions text := dbrag.candidate_conditions(scope, filter, documents);
  found_by_look constant bigint[] := ARRAY[2000, 20000];
  fetched_by_look constant integer[] := ARRAY[wanted + 20, wanted * 8 + 20, NULL];
  fetched integer;
  fetched_before integer;
  lexemes text[];
  stands_in bigint[];
  weights double precision[];
  of_chunks bigint;
  asked sparsevec;
  reference real;
  finding tsquery;
  combinations tsquery;
  words tsquery;
  words_before tsquery;
  near_documents uuid[];
  near_hashes bytea[];
  near_scores double precision[];
  best_documents uuid[];
  best_hashes bytea[];
  best_scores double precision[];
BEGIN
  SELECT array_agg(t.lexeme), array_agg(t.stands_in), array_agg(t.weight), max(t.of_chunks),
      ('{' || string_agg(dbrag.term_of(t.lexeme) || ':' || t.weight::real, ',') || '}/1000000000')::sparsevec
    INTO lexemes, stands_in, weights, of_chunks, asked
    FROM (SELECT * FROM dbrag.question_terms(workspace, question, languages) ORDER BY weight DESC, lexeme) AS t;
  IF lexemes IS NULL THEN RETURN; END IF;
  SELECT coalesce(s.reference_length, dbrag.default_length()) INTO reference
    FROM dbrag.corpus_statistics s WHERE s.workspace_id = workspace;
  FOR look IN 0 .. 3 LOOP
    CONTINUE WHEN look = 0 AND (conditions <> '' OR demanded IS NOT NULL);
    -- Also where the look before was left out, as it would have found the same.
    EXIT WHEN look > 1 AND cardinality(best_documents) >= at_least;
    fetched := fetched_by_look[greatest(look, 1)];
    IF look = 0 THEN
      combinations := dbrag.worth_weighing(lexemes, stands_in, weights, of_chunks, wanted);
      CONTINUE WHEN combinations IS NULL;
      finding := combinations;
      fetched_before := fetched;
    ELSIF look < 3 THEN
      SELECT dbrag.any_of(array_agg(lexeme)) INTO words
        FROM (
          SELECT lexeme, n, row_number() OVER rarest AS place, sum(n) OVER rarest AS together
          FROM unnest(lexemes, stands_in) AS term (lexeme, n) WINDOW rarest AS (ORDER BY n, lexeme)
        ) AS term
        WHERE place = 1 OR (n <= of_chunks / 10 AND together <= found_by_look[look]);
    ELSE
      words := dbrag.any_of(lexemes);
    END IF;
    IF look > 0 THEN
      -- The same words again would find the same; unless some that they found were left aside.
      CONTINUE WHEN coalesce(cardinality(near_documents), 0) < fetched_before
        AND (words = words_before OR coalesce(string_to_array(words::text, ' | ') <@ string_to_array(combinations::text, ' | '), false));
      words_before := words;
      fetched_before := fetched;
      finding := CASE WHEN combinations IS NULL THEN words ELSE combinations || words END;
    END IF;
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
      USING workspace, scope, filter, documents, fetched, asked, finding, demanded, reference;
    -- Looked up one by one in their order, until there are enough.
    SELECT array_agg(v.document_id), array_agg(v.content_hash), array_agg(v.score)
      INTO best_documents, best_hashes, best_scores
      FROM (
        SELECT near.document_id, near.content_hash, near.score
        FROM (
          SELECT * FROM unnest(near_documents, near_hashes, near_scores) AS found (document_id, content_hash, score)
          ORDER BY score DESC, document_id, content_hash
        ) AS near
        CROSS JOIN LATERAL (
          SELECT live_version FROM dbrag.documents
          WHERE workspace_id = workspace AND id = near.document_id AND status <> 'deleting' LIMIT 1
        ) AS d
        CROSS JOIN LATERAL (
          SELECT FROM dbrag.placements p WHERE p.workspace_id = workspace AND p.document_id = near.document_id
            AND p.content_hash = near.content_hash AND p.version = d.live_version LIMIT 1
        ) AS placed
        ORDER BY near.score DESC, near.document_id, near.content_hash
        LIMIT wanted
      ) AS v;
    EXIT WHEN cardinality(best_documents) >= CASE look WHEN 0 THEN wanted ELSE at_least END;
  END LOOP;
  RETURN QUERY SELECT * FROM unnest(best_documents, best_hashes, best_scores);
END
$$;

SET LOCAL ROLE dbrag_owner;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_search;
