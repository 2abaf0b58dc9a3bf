-- Rows that stay where they are: a chunk of usual length is kept in its row as it is.
--
-- With its text, its tsvector and its weights it has 2 to 4 kB. From 2 kB on Postgres compresses the values of a row and moves them
-- out of it until it has less: 40 of the 67 µs that writing such a row takes (without its indexes), and more for each that is read.
-- Up to half a page it is left alone now. Rows that are there stay as they are.
DO $$
DECLARE
  of_chunks regclass;
BEGIN
  FOR of_chunks IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'dbrag.chunks'::regclass LOOP
    EXECUTE format('ALTER TABLE %s SET (toast_tuple_target = 4080)', of_chunks);
  END LOOP;
END
$$;

-- A purchase is written once when it is wanted and once when a worker takes it. With room for the second beside the first no index
-- hears of it.
ALTER TABLE dbrag.pending_embeddings SET (fillfactor = 50);
