-- Descriptions of tables may take a part of a day's tokens of chat models only, so what is held for them is told from what is held for people's
-- questions. Code of before this file holds everything as if for a question, for two minutes at most.
ALTER TABLE dbrag.token_reservations ADD COLUMN for_descriptions boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN dbrag.token_reservations.for_descriptions IS 'Held for descriptions of tables, not for a question of somebody';
