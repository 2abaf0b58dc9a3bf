-- How often a worker really began with a version. A message that is received five times says that five workers could not finish it,
-- which is not the document's fault when the database was away: then none of them got as far as its row, and this count stands still.
-- For purchases pending_embeddings.tries says the same.
ALTER TABLE dbrag.document_versions ADD COLUMN claims integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN dbrag.document_versions.claims IS 'How often a worker began to parse this attempt: what is given up was really tried';
