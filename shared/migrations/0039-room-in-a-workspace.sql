-- How much a workspace holds, known in a moment, and what its questions may still spend.
--
-- Why changes and not counters: a counter is one row that all loads of a workspace would wait for, each until the other's COMMIT. Here a
-- statement leaves its difference in a row of its own, waits for nobody, and the sum over a few rows is exact in every snapshot. Whoever
-- comes by adds rows up (one statement in about fifty, those that nobody else is adding up).
CREATE TABLE dbrag.stored_changes (
  workspace_id uuid NOT NULL,
  collection_id uuid NOT NULL,
  id uuid NOT NULL DEFAULT dbrag.new_uuid(),
  documents bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  chunks bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, collection_id, id)
);
COMMENT ON TABLE dbrag.stored_changes IS
  'Sums by collection are what is stored: documents that are not being deleted and did not fail before anything of them was live, their bytes, and texts';
CALL dbrag.isolate_by_workspace('dbrag.stored_changes');
GRANT SELECT, INSERT, DELETE ON dbrag.stored_changes TO dbrag_app;

-- Adds up the rows of a workspace that nobody else is adding up: who finds somebody at it has nothing to do.
CREATE FUNCTION dbrag.fold_stored_changes(workspace uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('stored changes ' || workspace, 0)) THEN RETURN; END IF;
  WITH gone AS (
    DELETE FROM dbrag.stored_changes WHERE workspace_id = workspace RETURNING collection_id, documents, bytes, chunks
  )
  INSERT INTO dbrag.stored_changes (workspace_id, collection_id, documents, bytes, chunks)
  SELECT workspace, collection_id, sum(documents), sum(bytes), sum(chunks) FROM gone GROUP BY collection_id
  HAVING sum(documents) <> 0 OR sum(bytes) <> 0 OR sum(chunks) <> 0;
END
$$;
COMMENT ON FUNCTION dbrag.fold_stored_changes(uuid) IS 'The same sums in one row a collection';
GRANT EXECUTE ON FUNCTION dbrag.fold_stored_changes(uuid) TO dbrag_app;

-- Makes the sums what the tables hold. What commits meanwhile is in neither snapshot, so it is counted once.
CREATE FUNCTION dbrag.recount_stored(workspace uuid) RETURNS void
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('stored changes ' || workspace, 0));
  WITH gone AS (
    DELETE FROM dbrag.stored_changes WHERE workspace_id = workspace
  ), counted AS (
    SELECT collection_id, count(*) AS documents, coalesce(sum(bytes), 0) AS bytes, 0 AS chunks FROM dbrag.documents
    WHERE workspace_id = workspace AND status <> 'deleting' AND (live_version IS NOT NULL OR status NOT IN ('failed', 'cancelled'))
    GROUP BY collection_id
    UNION ALL
    SELECT collection_id, 0, 0, count(*) FROM dbrag.chunks WHERE workspace_id = workspace GROUP BY collection_id
  )
  INSERT INTO dbrag.stored_changes (workspace_id, collection_id, documents, bytes, chunks)
  SELECT workspace, collection_id, sum(documents), sum(bytes), sum(chunks) FROM counted GROUP BY collection_id;
END
$$;
COMMENT ON FUNCTION dbrag.recount_stored(uuid) IS 'Every night, and when an operator first sets a quota';
GRANT EXECUTE ON FUNCTION dbrag.recount_stored(uuid) TO dbrag_app;

CREATE FUNCTION dbrag.note_stored_documents() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO dbrag.stored_changes (workspace_id, collection_id, documents, bytes)
    SELECT workspace_id, collection_id, count(*), coalesce(sum(bytes), 0) FROM changed
    WHERE status <> 'deleting' AND (live_version IS NOT NULL OR status NOT IN ('failed', 'cancelled')) GROUP BY 1, 2;
  ELSE
    INSERT INTO dbrag.stored_changes (workspace_id, collection_id, documents, bytes)
    SELECT workspace_id, collection_id, -count(*), -coalesce(sum(bytes), 0) FROM changed
    WHERE status <> 'deleting' AND (live_version IS NOT NULL OR status NOT IN ('failed', 'cancelled')) GROUP BY 1, 2;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_stored_inserted AFTER INSERT ON dbrag.documents REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION dbrag.note_stored_documents();
CREATE TRIGGER note_stored_deleted AFTER DELETE ON dbrag.documents REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION dbrag.note_stored_documents();

-- Most updates of a document change neither its size nor whether it counts: the condition lets them by without a call.
CREATE FUNCTION dbrag.note_stored_document() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  counted_before integer := (OLD.status <> 'deleting' AND (OLD.live_version IS NOT NULL OR OLD.status NOT IN ('failed', 'cancelled')))::integer;
  counts_now integer := (NEW.status <> 'deleting' AND (NEW.live_version IS NOT NULL OR NEW.status NOT IN ('failed', 'cancelled')))::integer;
BEGIN
  INSERT INTO dbrag.stored_changes (workspace_id, collection_id, documents, bytes)
  VALUES (NEW.workspace_id, NEW.collection_id, counts_now - counted_before,
    counts_now * coalesce(NEW.bytes, 0) - counted_before * coalesce(OLD.bytes, 0));
  RETURN NULL;
END
$$;
CREATE TRIGGER note_stored_updated AFTER UPDATE OF status, live_version, bytes ON dbrag.documents FOR EACH ROW
  WHEN (OLD.bytes IS DISTINCT FROM NEW.bytes
    OR (OLD.status <> 'deleting' AND (OLD.live_version IS NOT NULL OR OLD.status NOT IN ('failed', 'cancelled')))
      <> (NEW.status <> 'deleting' AND (NEW.live_version IS NOT NULL OR NEW.status NOT IN ('failed', 'cancelled'))))
  EXECUTE FUNCTION dbrag.note_stored_document();

CREATE FUNCTION dbrag.note_stored_chunks() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  sign integer := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
  workspace uuid;
BEGIN
  INSERT INTO dbrag.stored_changes (workspace_id, collection_id, chunks)
  SELECT workspace_id, collection_id, sign * count(*) FROM changed GROUP BY 1, 2;
  IF random() < 0.02 THEN
    SELECT workspace_id INTO workspace FROM changed LIMIT 1;
    IF workspace IS NOT NULL THEN PERFORM dbrag.fold_stored_changes(workspace); END IF;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER note_stored_inserted AFTER INSERT ON dbrag.chunks REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION dbrag.note_stored_chunks();
CREATE TRIGGER note_stored_deleted AFTER DELETE ON dbrag.chunks REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION dbrag.note_stored_chunks();

-- For work that found itself near a limit only after it had taken the lock of those who are far: the whole transaction is tried again.
CREATE FUNCTION dbrag.begin_again() RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the room became scarce meanwhile' USING ERRCODE = 'serialization_failure';
END
$$;
GRANT EXECUTE ON FUNCTION dbrag.begin_again() TO dbrag_app;

-- What a question will spend is known afterwards. Until then it holds something, for no longer than it may take.
CREATE TABLE dbrag.token_reservations (
  workspace_id uuid NOT NULL REFERENCES dbrag.workspaces (id),
  id uuid NOT NULL,
  tokens bigint NOT NULL CHECK (tokens > 0),
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id)
);
COMMENT ON TABLE dbrag.token_reservations IS 'Tokens of chat models that are being spent; released with the usage that takes their place, or by time';
CALL dbrag.isolate_by_workspace('dbrag.token_reservations');
GRANT SELECT, INSERT, DELETE ON dbrag.token_reservations TO dbrag_app;

-- A day of a workspace has an event for every document, and few of chat models.
CREATE INDEX usage_events_of_chat ON dbrag.usage_events (workspace_id, at) WHERE prompt_tokens > 0 OR completion_tokens > 0;
