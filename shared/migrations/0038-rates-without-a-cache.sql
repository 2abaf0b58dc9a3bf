-- Rate limits while the cache is away, and what the operator says of one workspace.

ALTER TABLE dbrag.workspaces ADD COLUMN limits jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN dbrag.workspaces.limits IS
  'What the operator set for this workspace instead of the stage: {"quotas": {...}, "rate_limits": {...}}';

-- One request from each of some windows, or from none. Locks in one order everywhere, so requests of one workspace cannot deadlock; they
-- wait for each other for the length of this statement. Losing the last counts with a crash harms nobody, so nothing waits for the disk.
-- A function, so that a proxy sees no set_config.
CREATE FUNCTION dbrag.take_rates(workspace uuid, names text[], most bigint[], seconds integer[])
RETURNS TABLE (n integer, used bigint, ends_in_milliseconds double precision, admitted boolean)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  ignored text := set_config('synchronous_commit', 'off', true);
  at double precision := extract(epoch FROM clock_timestamp());
  counts bigint[] := '{}';
  is_admitted boolean := true;
  counted bigint;
  place integer;
BEGIN
  FOR place IN SELECT i FROM generate_subscripts(names, 1) AS i ORDER BY names[i] LOOP
    INSERT INTO dbrag.rate_windows AS w (workspace_id, key, window_start, used)
    VALUES (workspace, names[place] || ':' || seconds[place], to_timestamp(floor(at / seconds[place]) * seconds[place]), 1)
    ON CONFLICT (workspace_id, key, window_start) DO UPDATE SET used = w.used + 1
    RETURNING w.used INTO counted;
    counts[place] := counted;
    is_admitted := is_admitted AND counted <= most[place];
  END LOOP;
  IF NOT is_admitted THEN
    UPDATE dbrag.rate_windows AS w SET used = w.used - 1
    FROM unnest(names, seconds) AS b (name, long)
    WHERE w.workspace_id = workspace AND w.key = b.name || ':' || b.long
      AND w.window_start = to_timestamp(floor(at / b.long) * b.long);
  END IF;
  RETURN QUERY SELECT i, counts[i] - (NOT is_admitted)::int,
    ((floor(at / seconds[i]) + 1) * seconds[i] - at) * 1000, is_admitted
  FROM generate_subscripts(names, 1) AS i;
END
$$;
COMMENT ON FUNCTION dbrag.take_rates(uuid, text[], bigint[], integer[]) IS
  'Counts one request in the current window of each name, or in none when one of them is full';
GRANT EXECUTE ON FUNCTION dbrag.take_rates(uuid, text[], bigint[], integer[]) TO dbrag_app;
CREATE INDEX rate_windows_begun ON dbrag.rate_windows (workspace_id, window_start);
