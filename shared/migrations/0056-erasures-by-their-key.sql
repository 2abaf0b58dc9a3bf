-- Whoever asked for the erasure of their workspace and missed the answer asks again with the same key.
CREATE INDEX erasures_of_key ON dbrag.erasures (key_hash) WHERE key_hash IS NOT NULL;
