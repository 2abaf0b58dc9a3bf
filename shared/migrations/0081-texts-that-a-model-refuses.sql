-- A text that the model gives no vector for is remembered with its row: else it is asked for every night, before all others, and nobody is told.
ALTER TABLE dbrag.sql_examples ADD COLUMN refusal jsonb;
ALTER TABLE dbrag.sql_terms ADD COLUMN refusal jsonb;
ALTER TABLE dbrag.catalog_tables ADD COLUMN refusal jsonb;
COMMENT ON COLUMN dbrag.sql_examples.refusal IS '{"code", "message", "model", "hash", "times", "until"}: of which text no model gave a vector, why, and when it is asked again; null: none did';
COMMENT ON COLUMN dbrag.sql_terms.refusal IS 'As of sql_examples';
COMMENT ON COLUMN dbrag.catalog_tables.refusal IS 'As of sql_examples; of an earlier text where the hash is not that of the present one';
