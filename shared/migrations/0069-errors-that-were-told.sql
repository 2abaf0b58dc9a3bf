-- News is what nobody was told of, and not what was inserted: whoever died between the two had told nobody.
ALTER TABLE dbrag.seen_errors ADD COLUMN told_at timestamptz;
COMMENT ON COLUMN dbrag.seen_errors.told_at IS 'When it was told of as news; null: not yet';
UPDATE dbrag.seen_errors SET told_at = first_seen_at;

-- The canary asks with the largest integer for few_chunks, of which there are no three.
CREATE OR REPLACE FUNCTION dbrag.searched_by_index(chunks bigint, rows_of_partition bigint, few_chunks integer) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT chunks > few_chunks AND (chunks > 3::bigint * few_chunks OR chunks * 5 >= coalesce(rows_of_partition, 0))
$$;
