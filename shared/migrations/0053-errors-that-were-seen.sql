-- Errors that nobody foresaw, by where they come from: a new one is told of once, and not found again among thousands of log lines.
-- Neither messages nor values are kept, since those may quote what customers wrote; names of our own functions and of the error say
-- where to look, and the log has the rest.
CREATE TABLE dbrag.seen_errors (
  fingerprint text PRIMARY KEY CHECK (fingerprint ~ '^[0-9a-f]{16}$'),
  service text NOT NULL,
  name text NOT NULL,
  code text,
  frames text[] NOT NULL,
  sightings bigint NOT NULL DEFAULT 1,
  first_seen_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE dbrag.seen_errors IS 'Unexpected errors of our functions, grouped by name, code and the functions that they passed; holds no message';
COMMENT ON COLUMN dbrag.seen_errors.fingerprint IS 'The same in the log line of each sighting';
COMMENT ON COLUMN dbrag.seen_errors.frames IS 'Names of functions, innermost first';
GRANT SELECT, INSERT, UPDATE, DELETE ON dbrag.seen_errors TO dbrag_app;
