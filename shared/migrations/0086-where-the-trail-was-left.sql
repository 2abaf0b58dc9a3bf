-- A night that has no time for the whole audit trail goes on the next night where it stopped, and not at the first chain again.
ALTER TABLE dbrag.sweep_state ADD COLUMN trail_place jsonb;
COMMENT ON COLUMN dbrag.sweep_state.trail_place IS 'The chain and seal, or the root, up to which the audit trail was verified; null: the next look begins at the first';
