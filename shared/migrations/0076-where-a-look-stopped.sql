-- A night that has no time for all documents of a workspace goes on the next night where it stopped, and not at the newest again.
ALTER TABLE dbrag.corpus_statistics
  ADD COLUMN integrity_up_to uuid,
  ADD COLUMN integrity_round integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN dbrag.corpus_statistics.integrity_up_to IS 'Documents up to this id are still to be looked at in this round; null: the round begins';
COMMENT ON COLUMN dbrag.corpus_statistics.integrity_round IS 'Rounds that are over: says which thirtieth of the documents has its texts and vectors read in this one';
