-- Where the nightly verification of the audit trail stopped says what it looks at next. Beside the sweep's state, each function could have moved
-- it; here, none but the maintainer can. Chains and roots have a place each: behind roots that take many nights, no chain was verified.
CREATE TABLE dbrag.trail_rounds (
  walk text PRIMARY KEY CHECK (walk IN ('chains', 'roots')),
  place jsonb,
  began_at timestamptz NOT NULL DEFAULT now(),
  verified_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE dbrag.trail_rounds IS 'Two rows: how far the audit trail was verified. Of the maintainer alone: whoever moves a place chooses what is not looked at';
COMMENT ON COLUMN dbrag.trail_rounds.place IS 'The chain and seal, or the root, up to which was verified; null: the next look begins at the first';
COMMENT ON COLUMN dbrag.trail_rounds.began_at IS 'When the round under way began, or the last one, if none is';
COMMENT ON COLUMN dbrag.trail_rounds.verified_at IS 'When the last round that came to its end began: what was there then was looked at. First: when this table was made';
INSERT INTO dbrag.trail_rounds (walk) VALUES ('chains'), ('roots');
COMMENT ON COLUMN dbrag.sweep_state.trail_place IS 'Read by nothing any more: see trail_rounds';
