-- Combinations of a question's words are taken until they are expected to hold 45 + 0.6 times what is wanted, and then those of 0.85 of the last
-- one's weight, in place of 50 + 1.5 and 0.8: as many of the best are held (0.97 of the ten and of the fifty, which is also what 0070 holds), in a
-- sixth less time where fifty are wanted.
CREATE OR REPLACE FUNCTION dbrag.worth_weighing(lexemes text[], stands_in bigint[], weights double precision[], of_chunks bigint, wanted integer)
RETURNS tsquery LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  most_words constant integer := 5;
  -- The index passes every chunk of a combination's rarest word.
  most_passed bigint := 2500;
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
BEGIN
  FOR place IN 1 .. cardinality(lexemes) LOOP
    word := '''' || replace(replace(lexemes[place], '\', '\\'), '''', '''''') || '''';
    IF stands_in[place] <= 0 THEN
      -- A word without statistics is rare, or too new to have any.
      query := query || word;
    ELSIF size < 1 << most_words THEN
      IF size = 1 THEN most_passed := greatest(most_passed, stands_in[place]); END IF;
      share := least(stands_in[place]::double precision / of_chunks, 0.999);
      FOR other IN 1 .. size LOOP
        weight[size + other] := weight[other] + weights[place];
        expected[size + other] := expected[other] * share;
        expected[other] := expected[other] * (1 - share);
        rarest[size + other] := least(rarest[other], stands_in[place]);
        words[size + other] := concat_ws(' & ', words[other], word);
      END LOOP;
      size := size * 2;
    END IF;
  END LOOP;
  SELECT 0.85 * coalesce(max(sum) FILTER (WHERE so_far >= 45 + 0.6 * wanted), 0) INTO least_weight
    FROM (
      SELECT sum, sum(holding) OVER (ORDER BY sum DESC) AS so_far
      FROM unnest(weight, expected, rarest) AS combination (sum, holding, n) WHERE n <= most_passed
    ) AS heaviest;
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
