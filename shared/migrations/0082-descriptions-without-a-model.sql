-- A table that no model described has a description of its names alone. Why is kept, so that the next refresh after the quota is whole again has the
-- model write it, and so that people see it.
ALTER TABLE dbrag.catalog_tables ADD COLUMN description_error jsonb;
COMMENT ON COLUMN dbrag.catalog_tables.description_error IS '{"code", "message"}: why the description is made of names alone; null: the model or a person wrote it';
COMMENT ON COLUMN dbrag.catalog_tables.described_fingerprint IS 'Of the shape that is described; null where the next refresh is to have it described again';
