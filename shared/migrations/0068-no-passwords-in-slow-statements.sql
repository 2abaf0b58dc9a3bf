-- pg_stat_statements puts a parameter in place of the values of queries, but keeps the text of a utility statement as it was typed: a
-- CREATE ROLE … PASSWORD '…' of somebody stood in the view. Statements that name a password are left out; they are never what is slow.

CREATE OR REPLACE FUNCTION dbrag.read_slow_statements() RETURNS TABLE (
  role name, calls bigint, total_seconds numeric, mean_milliseconds numeric, rows_per_call numeric, share_read_from_disk numeric, statement text
) LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF to_regclass('public.pg_stat_statements') IS NULL THEN
    RAISE EXCEPTION 'pg_stat_statements is not installed in this database'
      USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'The server must preload it; the next migration run installs it then.';
  END IF;
  RETURN QUERY EXECUTE
    'SELECT r.rolname, s.calls, round((s.total_exec_time / 1000)::numeric, 1), round(s.mean_exec_time::numeric, 2),
       round(s.rows::numeric / greatest(s.calls, 1), 1),
       round(s.shared_blks_read::numeric / greatest(s.shared_blks_read + s.shared_blks_hit, 1), 3), s.query
     FROM public.pg_stat_statements s
     LEFT JOIN pg_roles r ON r.oid = s.userid
     WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND s.query !~* ''password''
     ORDER BY s.total_exec_time DESC
     LIMIT 50';
END
$$;
