-- Walks over all workspaces go on behind an id, whether or not that workspace is still there: `list_workspaces` looks its creation up, and lists
-- nothing behind one that was erased meanwhile, so that a night counted as over.
CREATE FUNCTION dbrag.walk_workspaces(after uuid, page_size integer) RETURNS TABLE (id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT w.id FROM dbrag.workspaces w WHERE walk_workspaces.after IS NULL OR w.id < walk_workspaces.after
  ORDER BY w.id DESC LIMIT walk_workspaces.page_size
$$;
COMMENT ON FUNCTION dbrag.walk_workspaces(uuid, integer) IS 'By descending id; after: the last id of the page before, or null';

-- Months are dropped that no workspace keeps: one look at all of them, and not the sum of a walk that may be broken off.
CREATE FUNCTION dbrag.longest_retention_days(unless_set double precision) RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT greatest(unless_set, max((w.settings ->> 'retention_days')::double precision)) FROM dbrag.workspaces w
$$;
COMMENT ON FUNCTION dbrag.longest_retention_days(double precision) IS 'Days that the workspace which keeps its history longest keeps it; at least what holds where nothing is set';

GRANT EXECUTE ON FUNCTION dbrag.walk_workspaces(uuid, integer) TO dbrag_app, dbrag_maintainer;
GRANT EXECUTE ON FUNCTION dbrag.longest_retention_days(double precision) TO dbrag_maintainer;
GRANT CREATE ON SCHEMA dbrag TO dbrag_system;
ALTER FUNCTION dbrag.walk_workspaces(uuid, integer) OWNER TO dbrag_system;
ALTER FUNCTION dbrag.longest_retention_days(double precision) OWNER TO dbrag_system;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_system;
