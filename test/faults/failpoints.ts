/** Where a worker may die between a message and its acknowledgement. */
export const workerFailpoints = [
  { handler: 'queue/ingest-document', name: 'worker.after_receive' },
  { handler: 'queue/ingest-document', name: 'worker.after_claim' },
  { handler: 'queue/ingest-document', name: 'worker.after_download' },
  { handler: 'queue/ingest-document', name: 'worker.after_parse' },
  { handler: 'queue/ingest-document', name: 'worker.before_commit' },
  { handler: 'queue/ingest-document', name: 'worker.mid_chunk_insert' },
  { handler: 'queue/ingest-document', name: 'worker.after_commit_before_ack' },
  { handler: 'queue/ingest-document', name: 'worker.after_send' },
  { handler: 'queue/embed-chunks', name: 'worker.after_receive' },
  { handler: 'queue/embed-chunks', name: 'worker.after_claim' },
  { handler: 'queue/embed-chunks', name: 'worker.after_embed_call' },
  { handler: 'queue/embed-chunks', name: 'worker.after_cache_write' },
  { handler: 'queue/embed-chunks', name: 'worker.before_commit' },
  { handler: 'queue/embed-chunks', name: 'worker.before_swap' },
  { handler: 'queue/embed-chunks', name: 'worker.after_commit_before_ack' },
] as const;

/** Where the API may die between a request and its answer. */
export const acceptFailpoints = [
  's3.after_put',
  'api.after_row_commit',
  'api.after_send',
  'api.before_response',
] as const;
