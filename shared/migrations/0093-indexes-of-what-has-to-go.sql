-- migrate: outside a transaction
-- A build that was broken off leaves an index that is not valid: it is dropped and built again.
SELECT format('DROP INDEX CONCURRENTLY dbrag.%I', c.relname) AS statement
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = 'dbrag.idempotency_keys'::regclass AND NOT i.indisvalid
  AND c.relname IN ('idempotency_keys_of_conversation', 'idempotency_keys_of_subject');

CREATE INDEX CONCURRENTLY IF NOT EXISTS idempotency_keys_of_conversation ON dbrag.idempotency_keys (workspace_id, conversation_id)
WHERE conversation_id IS NOT NULL;

CREATE INDEX CONCURRENTLY IF NOT EXISTS idempotency_keys_of_subject ON dbrag.idempotency_keys (workspace_id, subject)
WHERE subject IS NOT NULL;

-- A partitioned table has no such builds: each month that has no part of the index yet gets it by itself.
SELECT format(step.statement, month.relname || '_of_subject', month.relname) AS statement
FROM pg_inherits parts
JOIN pg_class month ON month.oid = parts.inhrelid
CROSS JOIN (VALUES
  (1, 'DROP INDEX CONCURRENTLY dbrag.%1$I'),
  (2, 'CREATE INDEX CONCURRENTLY IF NOT EXISTS %1$I ON dbrag.%2$I (workspace_id, subject_id, created_at, id) WHERE subject_id IS NOT NULL'),
  (3, 'ALTER INDEX dbrag.messages_of_subject ATTACH PARTITION dbrag.%1$I')) AS step (number, statement)
WHERE parts.inhparent = 'dbrag.messages'::regclass
  AND NOT EXISTS (
    SELECT FROM pg_inherits attached JOIN pg_index i ON i.indexrelid = attached.inhrelid
    WHERE attached.inhparent = 'dbrag.messages_of_subject'::regclass AND i.indrelid = month.oid)
  AND (step.number > 1 OR EXISTS (
    SELECT FROM pg_index i WHERE i.indexrelid = to_regclass(format('dbrag.%I', month.relname || '_of_subject')) AND NOT i.indisvalid))
ORDER BY month.relname, step.number;
