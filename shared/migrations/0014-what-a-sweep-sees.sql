-- A sweep sends a version that is split to the embedding queue itself: behind a backlog of files to be read, it would have waited for
-- others' reading. And it finds endings that nobody was told of.

-- Endings of jobs that are still to be told to whoever listens: written in the transaction of the end, deleted when they are told. So
-- a process that dies in between loses none. Why a table and no column of jobs: a narrow row that comes and goes costs a tenth of
-- changing a job once more, which has six indexes.
CREATE TABLE dbrag.pending_announcements (
  workspace_id uuid NOT NULL,
  job_id uuid NOT NULL,
  ended_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  leased_until timestamptz,
  PRIMARY KEY (workspace_id, job_id),
  FOREIGN KEY (workspace_id, job_id) REFERENCES dbrag.jobs (workspace_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE dbrag.pending_announcements IS 'Ends of jobs that are still to be told as events';
COMMENT ON COLUMN dbrag.pending_announcements.ended_at IS 'Which end: a job that is begun again ends again, and whoever told the first end must not take the second for told';
COMMENT ON COLUMN dbrag.pending_announcements.leased_until IS 'Somebody is telling it until then, by the database''s clock';
CALL dbrag.isolate_by_workspace('dbrag.pending_announcements');
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.pending_announcements TO dbrag_app;
CREATE POLICY system_reads ON dbrag.pending_announcements FOR SELECT TO dbrag_system USING (true);
GRANT SELECT ON dbrag.pending_announcements TO dbrag_system;

CREATE FUNCTION dbrag.unannounced_workspaces(page_size integer)
RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT a.workspace_id FROM dbrag.pending_announcements a
  WHERE a.ended_at < now() - interval '15 seconds' AND (a.leased_until IS NULL OR a.leased_until < now())
  LIMIT page_size
$$;
COMMENT ON FUNCTION dbrag.unannounced_workspaces(integer) IS
  'Workspaces with ends of jobs that should have been told by now: whoever was to tell them has died';

-- Dropped and made anew: another result, and it is not the owner's, who may therefore not replace it.
DROP FUNCTION dbrag.unfinished_work(integer);
CREATE FUNCTION dbrag.unfinished_work(page_size integer)
RETURNS TABLE (kind text, workspace_id uuid, document_id uuid, version integer, attempt integer, job_id uuid, job_type text,
  status text, priority text, input jsonb, waiting_until timestamptz, nudged_at timestamptz, nudges integer,
  created_at timestamptz, deadline_at timestamptz, is_split boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  (SELECT 'version', v.workspace_id, v.document_id, v.version, v.attempt, v.job_id, 'ingest_document', v.status, v.priority, NULL::jsonb,
      v.waiting_until, v.nudged_at, v.nudges, v.created_at, v.deadline_at, v.status = 'processing' AND v.content_hash IS NOT NULL
    FROM unnest(ARRAY['critical', 'default', 'low']) WITH ORDINALITY AS wanted (priority, turn)
    CROSS JOIN LATERAL (
      SELECT u.*, dbrag.next_look(u.status, u.waiting_until, u.nudged_at, u.nudges, u.created_at, u.deadline_at) AS look
      FROM dbrag.document_versions u
      WHERE u.status IN ('awaiting_upload', 'queued', 'processing') AND u.priority = wanted.priority
      ORDER BY look LIMIT page_size) v
    ORDER BY wanted.turn, v.look)
  UNION ALL
  (SELECT 'job', j.workspace_id, j.document_id, j.version, j.attempts, j.id, j.type, j.status, j.priority, j.input,
      j.waiting_until, j.nudged_at, j.nudges, j.created_at, j.deadline_at, false
    FROM dbrag.jobs j
    WHERE j.status IN ('queued', 'running') AND j.type <> 'ingest_document'
    ORDER BY dbrag.next_look(j.status, j.waiting_until, j.nudged_at, j.nudges, j.created_at, j.deadline_at) LIMIT page_size)
$$;
COMMENT ON FUNCTION dbrag.unfinished_work(integer) IS
  'Versions and other jobs that are not finished, those that want a look soonest first, page_size of each priority and of jobs: what the sweeper looks at';

GRANT EXECUTE ON FUNCTION dbrag.unfinished_work(integer), dbrag.unannounced_workspaces(integer) TO dbrag_app, dbrag_maintainer;
GRANT CREATE ON SCHEMA dbrag TO dbrag_system;
ALTER FUNCTION dbrag.unfinished_work(integer) OWNER TO dbrag_system;
ALTER FUNCTION dbrag.unannounced_workspaces(integer) OWNER TO dbrag_system;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_system;
