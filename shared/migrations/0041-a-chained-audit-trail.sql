-- The audit trail as a chain: rows are sealed after each minute of activity, and no sealed row can be changed, dropped or slipped in
-- without the chain, or the locked roots outside of the database, telling.
--
-- One chain a workspace, and one of the system (the nil workspace) for what belongs to none: the operator, and whoever was refused.
-- A row carries who and from where as ciphertext under a key of the person. The chain is over the ciphertext, so that destroying the
-- key forgets the person and breaks nothing.

-- The ends of the chains. A row of it is also what an event points at: an event of a workspace that was erased can no longer be written.
CREATE TABLE dbrag.audit_chains (
  workspace_id uuid PRIMARY KEY,
  number bigint NOT NULL DEFAULT 0,
  hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000' CHECK (octet_length(hash) = 32),
  sealed_at timestamptz,
  checkpoint_number bigint NOT NULL DEFAULT 0,
  checkpoint_hash bytea NOT NULL DEFAULT '\x0000000000000000000000000000000000000000000000000000000000000000'
    CHECK (octet_length(checkpoint_hash) = 32)
);
COMMENT ON TABLE dbrag.audit_chains IS 'Where each chain of the audit trail ends, and where what is left of it begins';
COMMENT ON COLUMN dbrag.audit_chains.checkpoint_number IS 'Seals up to here, and their events, are past their retention and gone';
CALL dbrag.isolate_by_workspace('dbrag.audit_chains');
GRANT SELECT, INSERT ON dbrag.audit_chains TO dbrag_app;

CREATE TABLE dbrag.audit_seals (
  workspace_id uuid NOT NULL REFERENCES dbrag.audit_chains (workspace_id),
  number bigint NOT NULL,
  previous bytea NOT NULL CHECK (octet_length(previous) = 32),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  events integer NOT NULL CHECK (events > 0),
  sealed_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL,
  rooted_at timestamptz,
  PRIMARY KEY (workspace_id, number)
);
COMMENT ON COLUMN dbrag.audit_seals.hash IS 'SHA-256 over the hash before it and every event of the seal, in the order of time and id';
COMMENT ON COLUMN dbrag.audit_seals.last_at IS 'The latest event of it: a seal is past its retention with its latest event';
COMMENT ON COLUMN dbrag.audit_seals.rooted_at IS 'When its hash was written to where nobody can change it; null: not yet';
CREATE INDEX audit_seals_unrooted ON dbrag.audit_seals (workspace_id, number) WHERE rooted_at IS NULL;
CALL dbrag.isolate_by_workspace('dbrag.audit_seals');
GRANT SELECT ON dbrag.audit_seals TO dbrag_app;

-- A person's key, wrapped by that of the workspace (the row whose holder is the workspace), which KMS wraps.
CREATE TABLE dbrag.audit_keys (
  workspace_id uuid NOT NULL REFERENCES dbrag.audit_chains (workspace_id),
  holder uuid NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, holder)
);
COMMENT ON TABLE dbrag.audit_keys IS 'What the trail says of a person can be read with the person''s key only: without its row, nobody can';
CALL dbrag.isolate_by_workspace('dbrag.audit_keys');
GRANT SELECT, INSERT ON dbrag.audit_keys TO dbrag_app;

-- Chains of what is there already: the system's, and one a workspace. By the role that may look across workspaces: the owner sees none.
CREATE POLICY system_inserts ON dbrag.audit_chains FOR INSERT TO dbrag_system WITH CHECK (true);
GRANT INSERT ON dbrag.audit_chains TO dbrag_system;
SET LOCAL ROLE dbrag_system;
INSERT INTO dbrag.audit_chains (workspace_id)
  SELECT '00000000-0000-0000-0000-000000000000'::uuid UNION ALL SELECT id FROM dbrag.workspaces;
SET LOCAL ROLE dbrag_owner;

ALTER TABLE dbrag.audit_events
  ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN holder uuid,
  ADD COLUMN origin bytea,
  ADD COLUMN seal bigint,
  ADD FOREIGN KEY (workspace_id) REFERENCES dbrag.audit_chains (workspace_id);
COMMENT ON COLUMN dbrag.audit_events.at IS 'When it was done: the time inside the id, to the millisecond';
COMMENT ON COLUMN dbrag.audit_events.recorded_at IS 'When the row was written: reads come in batches, a little later';
COMMENT ON COLUMN dbrag.audit_events.holder IS 'Whose key reads `origin`: a subject, or the workspace itself';
COMMENT ON COLUMN dbrag.audit_events.origin IS 'Who and from where (subject, IP, user agent), as ciphertext; null where nobody called';
COMMENT ON COLUMN dbrag.audit_events.ip IS 'Of rows that are older than `origin`';
COMMENT ON COLUMN dbrag.audit_events.seal IS 'The seal that it belongs to; null: not sealed yet. Set once';
CREATE INDEX audit_events_unsealed ON dbrag.audit_events (workspace_id) WHERE seal IS NULL;
CREATE INDEX audit_events_of_seal ON dbrag.audit_events (workspace_id, seal, at, id) WHERE seal IS NOT NULL;
CREATE INDEX audit_events_of_resource ON dbrag.audit_events (workspace_id, resource_id, at, id) WHERE resource_id IS NOT NULL;
CREATE INDEX audit_events_of_actor ON dbrag.audit_events (workspace_id, actor, at, id);

-- Also for roles that may update: a row of the trail is sealed, and otherwise stays as it was written.
CREATE FUNCTION dbrag.keep_audit_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.seal IS NULL AND NEW.seal IS NOT NULL AND to_jsonb(NEW) - 'seal' = to_jsonb(OLD) - 'seal' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'an event of the audit trail is never changed' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER keep_audit_event BEFORE UPDATE ON dbrag.audit_events FOR EACH ROW EXECUTE FUNCTION dbrag.keep_audit_event();

-- Which chains have something to seal, or seals to be written outside: asked after activity, and every night.
CREATE POLICY system_reads ON dbrag.audit_events FOR SELECT TO dbrag_system USING (true);
CREATE POLICY system_reads ON dbrag.audit_seals FOR SELECT TO dbrag_system USING (true);
GRANT SELECT ON dbrag.audit_events, dbrag.audit_seals TO dbrag_system;

CREATE FUNCTION dbrag.unsealed_chains(page_size integer)
RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT DISTINCT e.workspace_id FROM dbrag.audit_events e WHERE e.seal IS NULL
  UNION
  SELECT DISTINCT s.workspace_id FROM dbrag.audit_seals s WHERE s.rooted_at IS NULL
  LIMIT page_size
$$;
COMMENT ON FUNCTION dbrag.unsealed_chains(integer) IS 'Workspaces (nil: the system) whose audit trail has events without a seal, or seals without a root';

-- A workspace begins with its chain. Dropped and made anew: it is not the owner's, who may therefore not replace it.
DROP FUNCTION dbrag.create_workspace(uuid, text, jsonb, uuid, bytea, text);
CREATE FUNCTION dbrag.create_workspace(id uuid, name text, settings jsonb, key_id uuid, key_hash bytea, key_hint text)
RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  INSERT INTO dbrag.workspaces (id, name, settings)
    VALUES (create_workspace.id, create_workspace.name, create_workspace.settings);
  INSERT INTO dbrag.corpus_statistics (workspace_id) VALUES (create_workspace.id);
  INSERT INTO dbrag.audit_chains (workspace_id) VALUES (create_workspace.id);
  INSERT INTO dbrag.api_keys (workspace_id, id, name, role, hash, hint, created_by)
    VALUES (create_workspace.id, create_workspace.key_id, 'owner', 'owner', create_workspace.key_hash, create_workspace.key_hint, 'operator')
    RETURNING created_at;
$$;
COMMENT ON FUNCTION dbrag.create_workspace(uuid, text, jsonb, uuid, bytea, text) IS 'A workspace with its first key, of the role owner, and its chain of the audit trail';

GRANT EXECUTE ON FUNCTION dbrag.create_workspace(uuid, text, jsonb, uuid, bytea, text) TO dbrag_app;
GRANT EXECUTE ON FUNCTION dbrag.unsealed_chains(integer) TO dbrag_app, dbrag_maintainer;
GRANT CREATE ON SCHEMA dbrag TO dbrag_system;
ALTER FUNCTION dbrag.create_workspace(uuid, text, jsonb, uuid, bytea, text) OWNER TO dbrag_system;
ALTER FUNCTION dbrag.unsealed_chains(integer) OWNER TO dbrag_system;
REVOKE CREATE ON SCHEMA dbrag FROM dbrag_system;
