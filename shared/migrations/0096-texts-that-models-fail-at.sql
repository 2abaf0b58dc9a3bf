-- A text that the model fails at by itself, while it answers others, is asked for alone from then on, a few times more.
ALTER TABLE dbrag.pending_embeddings ADD COLUMN failures integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN dbrag.pending_embeddings.failures IS
  'How often the model failed at this text alone while it answered a harmless one; above 0: never in a request with others';
