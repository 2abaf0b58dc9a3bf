-- An event that tells of a removed object can get lost like one that tells of a new one: the nightly pass compares the documents of
-- uploads with the listing, and keeps its place between nights as the search for missed uploads does.
ALTER TABLE dbrag.sweep_state ADD COLUMN deletions_cursor text;
COMMENT ON COLUMN dbrag.sweep_state.deletions_cursor IS 'The upload up to which documents were compared with the listing; null: the next comparison begins at the first';
