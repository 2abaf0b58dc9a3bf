-- The index by which one row is found wins over those that list rows, while nobody has counted any yet.
--
-- A table that was never analysed looks as if every index with the right first column found one row; of indexes that cost the same the
-- planner takes the one that was created last. Those were the lists: each check of a foreign key then read all
-- versions of its workspace (the first 800 documents of a load: 23 million index entries for 16,000 placements), and kept that plan
-- until autovacuum came by. So the keys are created after the lists that begin with the workspace, and a list whose questions
-- always name its object begins with that.
--
-- On a database that holds much already this takes as long as building these indexes and checking these keys does; writers wait.

DROP INDEX dbrag.document_versions_of_object;
CREATE INDEX document_versions_of_object ON dbrag.document_versions (s3_key, s3_version_id, workspace_id);

ALTER TABLE dbrag.documents DROP CONSTRAINT documents_workspace_id_collection_id_source_uri_key;
ALTER TABLE dbrag.documents ADD UNIQUE (workspace_id, collection_id, source_uri);
ALTER TABLE dbrag.document_versions DROP CONSTRAINT document_versions_workspace_id_document_id_fkey;
ALTER TABLE dbrag.chunks DROP CONSTRAINT chunks_workspace_id_document_id_fkey;
ALTER TABLE dbrag.documents DROP CONSTRAINT documents_pkey;
ALTER TABLE dbrag.documents ADD PRIMARY KEY (workspace_id, id);
ALTER TABLE dbrag.document_versions ADD FOREIGN KEY (workspace_id, document_id) REFERENCES dbrag.documents (workspace_id, id);
ALTER TABLE dbrag.chunks ADD FOREIGN KEY (workspace_id, document_id) REFERENCES dbrag.documents (workspace_id, id);
