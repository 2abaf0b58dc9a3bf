-- The few questions that must be asked before, or beside, any workspace.
--
-- Why definer functions: nobody that serves requests may bypass row security, so the role that may look across workspaces can log
-- in nowhere and owns exactly the functions below. Each takes what identifies one thing (a hash, a key) or a page size, and gives
-- back the least that its caller needs. A test holds the list of SECURITY DEFINER functions against the catalog.

CREATE POLICY system_reads ON dbrag.workspaces FOR SELECT TO dbrag_system USING (true);
CREATE POLICY system_inserts ON dbrag.workspaces FOR INSERT TO dbrag_system WITH CHECK (true);
CREATE POLICY system_reads ON dbrag.api_keys FOR SELECT TO dbrag_system USING (true);
CREATE POLICY system_inserts ON dbrag.api_keys FOR INSERT TO dbrag_system WITH CHECK (true);
CREATE POLICY system_reads ON dbrag.members FOR SELECT TO dbrag_system USING (true);
CREATE POLICY system_reads ON dbrag.collections FOR SELECT TO dbrag_system USING (true);
CREATE POLICY system_reads ON dbrag.document_versions FOR SELECT TO dbrag_system USING (true);
CREATE POLICY system_reads ON dbrag.jobs FOR SELECT TO dbrag_system USING (true);
CREATE POLICY system_inserts ON dbrag.corpus_statistics FOR INSERT TO dbrag_system WITH CHECK (true);
GRANT SELECT, INSERT ON dbrag.workspaces, dbrag.api_keys TO dbrag_system;
GRANT SELECT ON dbrag.members, dbrag.collections, dbrag.document_versions, dbrag.jobs TO dbrag_system;
GRANT INSERT ON dbrag.corpus_statistics TO dbrag_system;

CREATE FUNCTION dbrag.find_api_key(hash bytea)
RETURNS TABLE (workspace_id uuid, id uuid, name text, role text, collection_ids uuid[], connection_ids uuid[],
  rate_limits jsonb, expires_at timestamptz, last_used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT k.workspace_id, k.id, k.name, k.role, k.collection_ids, k.connection_ids, k.rate_limits, k.expires_at, k.last_used_at
  FROM dbrag.api_keys k JOIN dbrag.workspaces w ON w.id = k.workspace_id
  WHERE k.hash = find_api_key.hash AND w.status = 'active' AND (k.expires_at IS NULL OR k.expires_at > now())
$$;
COMMENT ON FUNCTION dbrag.find_api_key(bytea) IS 'The valid key of an active workspace, or no row';

CREATE FUNCTION dbrag.find_memberships(issuer text, subject text)
RETURNS TABLE (workspace_id uuid, role text, collection_ids uuid[], connection_ids uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT m.workspace_id, m.role, m.collection_ids, m.connection_ids
  FROM dbrag.members m JOIN dbrag.workspaces w ON w.id = m.workspace_id
  WHERE m.issuer = find_memberships.issuer AND m.subject = find_memberships.subject AND w.status = 'active'
  ORDER BY m.workspace_id
$$;

CREATE FUNCTION dbrag.list_workspaces(after uuid, page_size integer)
RETURNS TABLE (id uuid, name text, status text, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT w.id, w.name, w.status, w.created_at
  FROM dbrag.workspaces w
  WHERE list_workspaces.after IS NULL
    OR (w.created_at, w.id) < (SELECT a.created_at, a.id FROM dbrag.workspaces a WHERE a.id = list_workspaces.after)
  ORDER BY w.created_at DESC, w.id DESC
  LIMIT list_workspaces.page_size
$$;
COMMENT ON FUNCTION dbrag.list_workspaces(uuid, integer) IS 'Newest first (an id that follows from an idempotency key says nothing of time); after: the last id of the page before, or null';

CREATE FUNCTION dbrag.create_workspace(id uuid, name text, settings jsonb, key_id uuid, key_hash bytea, key_hint text)
RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO dbrag.workspaces (id, name, settings)
    VALUES (create_workspace.id, create_workspace.name, create_workspace.settings);
  INSERT INTO dbrag.corpus_statistics (workspace_id) VALUES (create_workspace.id);
  INSERT INTO dbrag.api_keys (workspace_id, id, name, role, hash, hint, created_by)
    VALUES (create_workspace.id, create_workspace.key_id, 'owner', 'owner', create_workspace.key_hash, create_workspace.key_hint, 'operator')
    RETURNING created_at;
$$;
COMMENT ON FUNCTION dbrag.create_workspace(uuid, text, jsonb, uuid, bytea, text) IS 'A workspace with its first key, of the role owner';

-- A key that cannot be read as two ids names nothing: no error, since anybody who may write to the bucket chooses the key.
CREATE FUNCTION dbrag.workspace_of_key(s3_key text)
RETURNS TABLE (workspace_id uuid, collection_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT c.workspace_id, c.id
  FROM regexp_match(s3_key, '^uploads/(?:ws_)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})/(?:col_)?([0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12})/.') AS part
  JOIN dbrag.collections c ON c.workspace_id = part[1]::uuid AND c.id = part[2]::uuid AND c.status = 'active'
  JOIN dbrag.workspaces w ON w.id = c.workspace_id AND w.status = 'active'
$$;
COMMENT ON FUNCTION dbrag.workspace_of_key(text) IS 'Of uploads/<workspace>/<collection>/<path>, ids with or without prefix: the two, or no row';

CREATE FUNCTION dbrag.unfinished_work(page_size integer)
RETURNS TABLE (kind text, workspace_id uuid, document_id uuid, version integer, attempt integer, job_id uuid, job_type text,
  status text, priority text, input jsonb, waiting_until timestamptz, nudged_at timestamptz, nudges integer,
  created_at timestamptz, deadline_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  (SELECT 'version', v.workspace_id, v.document_id, v.version, v.attempt, v.job_id, 'ingest_document', v.status, v.priority, NULL::jsonb,
      v.waiting_until, v.nudged_at, v.nudges, v.created_at, v.deadline_at
    FROM dbrag.document_versions v
    WHERE v.status IN ('awaiting_upload', 'queued', 'processing')
    ORDER BY coalesce(v.nudged_at, v.created_at) LIMIT page_size)
  UNION ALL
  (SELECT 'job', j.workspace_id, j.document_id, j.version, j.attempts, j.id, j.type, j.status, j.priority, j.input,
      j.waiting_until, j.nudged_at, j.nudges, j.created_at, j.deadline_at
    FROM dbrag.jobs j
    WHERE j.status IN ('queued', 'running') AND j.type <> 'ingest_document'
    ORDER BY coalesce(j.nudged_at, j.created_at) LIMIT page_size)
$$;
COMMENT ON FUNCTION dbrag.unfinished_work(integer) IS
  'Versions and other jobs that are not finished, longest unmoved first, page_size of each kind: what the sweeper looks at';

GRANT EXECUTE ON FUNCTION dbrag.find_api_key(bytea), dbrag.find_memberships(text, text), dbrag.list_workspaces(uuid, integer),
  dbrag.create_workspace(uuid, text, jsonb, uuid, bytea, text), dbrag.workspace_of_key(text), dbrag.unfinished_work(integer)
  TO dbrag_app;
-- Sweeps and nightly walks run as the maintainer, who inherits what is the owner's, and these are not.
GRANT EXECUTE ON FUNCTION dbrag.list_workspaces(uuid, integer), dbrag.workspace_of_key(text), dbrag.unfinished_work(integer)
  TO dbrag_maintainer;

-- A new owner must be allowed to create in the schema, for as long as that takes. Grants stand above: afterwards they are not ours to make.
GRANT CREATE ON SCHEMA dbrag TO dbrag_system;
ALTER FUNCTION dbrag.find_api_key(bytea) OWNER TO dbrag_system;
ALTER FUNCTION dbrag.find_memberships(text, text) OWNER TO dbrag_system;
ALTER FUNCTION dbrag.list_workspaces(uuid, integer) OWNER TO dbrag_system;
ALTER FUNCTION dbrag.create_workspace(uuid, text, jsonb, uuid, bytea, text) OWNER TO dbrag_system;
ALTER FUNCTION dbrag.workspace_of_key(text) OWNER TO dbrag_system;
ALTER FUNCTION dbrag.unfinished_work(integer) OWNER TO dbrag_system;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_system;
