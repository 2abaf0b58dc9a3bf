-- A sweep reads a page of what is unfinished. In the order of the last move, announced uploads that nobody puts, rows that wait for
-- a provider and a backlog of one priority stood first for hours, and work behind them whose nudge was lost was never seen. Now it
-- reads what wants it soonest, a page of each priority: each has its own queue, and only its own backlog may hide it.

-- When a sweep should look at a row, in seconds since 1970: an upload at its deadline; other work at its deadline, or when its
-- back-off (jobs/sweep.ts) and its waiting are over. Not a timestamp: adding to one is not immutable, and this orders an index.
CREATE FUNCTION dbrag.next_look(
  status text, waiting_until timestamptz, nudged_at timestamptz, nudges integer, created_at timestamptz, deadline_at timestamptz
) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN status = 'awaiting_upload' THEN date_part('epoch', deadline_at - timestamptz '1970-01-01 00:00:00+00')
    ELSE least(
      date_part('epoch', deadline_at - timestamptz '1970-01-01 00:00:00+00'),
      greatest(
        date_part('epoch', waiting_until - timestamptz '1970-01-01 00:00:00+00'),
        date_part('epoch', coalesce(nudged_at, created_at) - timestamptz '1970-01-01 00:00:00+00')
          + least(300 * power(2::double precision, least(nudges, 10)), 3600)))
  END
$$;
GRANT EXECUTE ON FUNCTION dbrag.next_look(text, timestamptz, timestamptz, integer, timestamptz, timestamptz)
  TO dbrag_app, dbrag_system;

DROP INDEX dbrag.document_versions_unfinished;
CREATE INDEX document_versions_unfinished
  ON dbrag.document_versions (priority, dbrag.next_look(status, waiting_until, nudged_at, nudges, created_at, deadline_at))
  WHERE status IN ('awaiting_upload', 'queued', 'processing');
-- Jobs of ingestions are seen as their versions: in a bulk load they would be all that this index holds.
DROP INDEX dbrag.jobs_unfinished;
CREATE INDEX jobs_unfinished
  ON dbrag.jobs (dbrag.next_look(status, waiting_until, nudged_at, nudges, created_at, deadline_at))
  WHERE status IN ('queued', 'running') AND type <> 'ingest_document';

-- Dropped and made anew: it is not the owner's, who may therefore not replace it.
DROP FUNCTION dbrag.unfinished_work(integer);
CREATE FUNCTION dbrag.unfinished_work(page_size integer)
RETURNS TABLE (kind text, workspace_id uuid, document_id uuid, version integer, attempt integer, job_id uuid, job_type text,
  status text, priority text, input jsonb, waiting_until timestamptz, nudged_at timestamptz, nudges integer,
  created_at timestamptz, deadline_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  (SELECT 'version', v.workspace_id, v.document_id, v.version, v.attempt, v.job_id, 'ingest_document', v.status, v.priority, NULL::jsonb,
      v.waiting_until, v.nudged_at, v.nudges, v.created_at, v.deadline_at
    FROM unnest(ARRAY['critical', 'default', 'low']) WITH ORDINALITY AS wanted (priority, turn)
    CROSS JOIN LATERAL (
      SELECT u.*, dbrag.next_look(u.status, u.waiting_until, u.nudged_at, u.nudges, u.created_at, u.deadline_at) AS look
      FROM dbrag.document_versions u
      WHERE u.status IN ('awaiting_upload', 'queued', 'processing') AND u.priority = wanted.priority
      ORDER BY look LIMIT page_size) v
    ORDER BY wanted.turn, v.look)
  UNION ALL
  (SELECT 'job', j.workspace_id, j.document_id, j.version, j.attempts, j.id, j.type, j.status, j.priority, j.input,
      j.waiting_until, j.nudged_at, j.nudges, j.created_at, j.deadline_at
    FROM dbrag.jobs j
    WHERE j.status IN ('queued', 'running') AND j.type <> 'ingest_document'
    ORDER BY dbrag.next_look(j.status, j.waiting_until, j.nudged_at, j.nudges, j.created_at, j.deadline_at) LIMIT page_size)
$$;
COMMENT ON FUNCTION dbrag.unfinished_work(integer) IS
  'Versions and other jobs that are not finished, those that want a look soonest first, page_size of each priority and of jobs: what the sweeper looks at';
GRANT EXECUTE ON FUNCTION dbrag.unfinished_work(integer) TO dbrag_app, dbrag_maintainer;
GRANT CREATE ON SCHEMA dbrag TO dbrag_system;
ALTER FUNCTION dbrag.unfinished_work(integer) OWNER TO dbrag_system;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_system;
