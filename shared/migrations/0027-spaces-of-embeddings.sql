-- Which spaces hold vectors of a workspace is asked with every search where there is a second one, and few vectors of a second space
-- are compared without passing those of the first. Equal keys are stored once: a byte or two a row.
CREATE INDEX embeddings_of_space ON dbrag.embeddings (workspace_id, model);
