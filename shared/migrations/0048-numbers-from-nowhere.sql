-- Numbers of an answer that stand in no row and in no source: each is marked in the text, and counted here beside the marks that did
-- not hold.
ALTER TABLE dbrag.queries ADD COLUMN unverified_numbers integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN dbrag.queries.unverified_numbers IS 'Numbers in the answer that neither the rows nor the documents hold; each is marked where it stands';
