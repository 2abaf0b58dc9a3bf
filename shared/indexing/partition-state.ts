import type { Database, Db } from '../core/database.ts';
import type { IndexKind, IndexParameters } from './predict-build.ts';

export type IndexStatus = 'exact' | 'waiting' | 'building' | 'ready' | 'refused' | 'failed';

/** One partition of embeddings, from the system catalog and the autopilot's notes. */
export interface PartitionState {
  readonly partition: string;
  readonly rows: number;
  /** Chunks of its largest workspace; null while no statistics tell. */
  readonly largest: number | null;
  readonly dead_share: number;
  /** Rows ever inserted; starts again at 0 when the server has crashed. */
  readonly inserted: number;
  readonly changed_since_analyze: number;
  /** When a vacuum, automatic or not, last finished here; null: none since the server's statistics were reset. */
  readonly vacuumed_at: Date | null;
  /** By anybody, autovacuum included. */
  readonly is_vacuuming: boolean;
  readonly indexes: readonly FoundIndex[];
  readonly status: IndexStatus;
  readonly kind: IndexKind | null;
  readonly index_name: string | null;
  readonly parameters: Partial<IndexParameters>;
  readonly ef_search: number;
  readonly recall: number | null;
  readonly last_inserted: number | null;
  readonly still_since: Date | null;
  readonly started_at: Date | null;
  readonly built_at: Date | null;
  readonly build_seconds: number | null;
  readonly checked_at: Date | null;
  readonly wanted_at: Date | null;
  readonly failures: number;
  readonly why: string;
}

export interface FoundIndex {
  readonly name: string;
  readonly kind: IndexKind;
  readonly valid: boolean;
  /** An index over vectors of the requested model. */
  readonly of_model: boolean;
  /** An index over the fallback space. An index over any other model's vectors serves no search. */
  readonly of_fallback: boolean;
  /** Blocks done and to do, while it is being built. */
  readonly progress: { readonly phase: string; readonly done: number; readonly total: number } | null;
}

/** All partitions, by name. Counts are the server's estimates: counting would read everything. */
export async function readPartitions(
  database: Database,
  { model, fallbackModel = null }: { readonly model: string; readonly fallbackModel?: string | null },
): Promise<readonly PartitionState[]> {
  return database.inSystem(async (db) => {
    const { rows } = await db.query<PartitionState>(
      // Autovacuum runs as a superuser, and of a superuser's vacuum the maintainer sees the process and not the table. The table's lock it sees.
      `WITH vacuumed AS MATERIALIZED (
         SELECT l.relation FROM pg_stat_progress_vacuum p JOIN pg_locks l ON l.pid = p.pid AND l.granted
         WHERE l.locktype = 'relation' AND l.database = p.datid AND p.datname = current_database()
           AND l.mode = 'ShareUpdateExclusiveLock'
       )
       SELECT c.relname AS partition, greatest(c.reltuples, s.n_live_tup, 0)::float8 AS rows, l.chunks::float8 AS largest,
         CASE WHEN s.n_dead_tup > 0 THEN s.n_dead_tup::float8 / (s.n_dead_tup + greatest(s.n_live_tup, 1)) ELSE 0 END AS dead_share,
         coalesce(s.n_tup_ins, 0)::float8 AS inserted, coalesce(s.n_mod_since_analyze, 0)::float8 AS changed_since_analyze,
         greatest(s.last_vacuum, s.last_autovacuum) AS vacuumed_at,
         c.oid IN (SELECT relation FROM vacuumed) AS is_vacuuming,
         coalesce((
           SELECT jsonb_agg(jsonb_build_object(
             'name', x.relname, 'kind', CASE WHEN i.indexprs IS NULL THEN 'hnsw' ELSE 'hnsw_binary' END, 'valid', i.indisvalid,
             'of_model', pg_get_expr(i.indpred, i.indrelid) LIKE '%' || quote_literal($1::text) || '%',
             'of_fallback', coalesce(pg_get_expr(i.indpred, i.indrelid) LIKE '%' || quote_literal($2::text) || '%', false),
             'progress', (SELECT jsonb_build_object('phase', p.phase, 'done', p.blocks_done, 'total', p.blocks_total)
               FROM pg_stat_progress_create_index p WHERE p.relid = c.oid AND p.index_relid IN (0, i.indexrelid) LIMIT 1)))
           FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am a ON a.oid = x.relam
           WHERE i.indrelid = c.oid AND a.amname = 'hnsw'), '[]') AS indexes,
         coalesce(n.status, 'exact') AS status, n.kind, n.index_name, coalesce(n.parameters, '{}') AS parameters,
         coalesce(n.ef_search, 100) AS ef_search, n.recall, n.inserted::float8 AS last_inserted, n.still_since, n.started_at, n.built_at,
         n.build_seconds, n.checked_at, n.wanted_at, coalesce(n.failures, 0) AS failures, coalesce(n.why, '') AS why
       FROM pg_inherits h
       JOIN pg_class c ON c.oid = h.inhrelid
       LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid
       LEFT JOIN dbrag.largest_workspaces() l ON l.partition = c.relname
       LEFT JOIN dbrag.vector_indexes n ON n.partition = c.relname AND n.model = $1
       WHERE h.inhparent = 'dbrag.embeddings'::regclass ORDER BY c.relname`,
      [model, fallbackModel],
    );
    return rows;
  });
}

/** Writes down what is known or decided; members that are not given stay. */
export async function note(
  db: Db,
  partition: string,
  model: string,
  noted: Readonly<Record<string, unknown>>,
): Promise<void> {
  const columns = Object.keys(noted);
  const values = columns.map((_, index) => `$${index + 3}`);
  await db.query(
    `INSERT INTO dbrag.vector_indexes (partition, model, ${columns.join(', ')}) VALUES ($1, $2, ${values.join(', ')})
     ON CONFLICT (partition, model) DO UPDATE
     SET updated_at = now(), ${columns.map((column, index) => `${column} = ${values[index]}`).join(', ')}`,
    [partition, model, ...Object.values(noted)],
  );
}

/** Shared memory of the server, in bytes: an index that does not fit into it is read from disk. */
export async function sharedBuffers(database: Database): Promise<number> {
  return database.inSystem(async (db) => {
    const { rows } = await db.query<{ bytes: number }>(
      `SELECT pg_size_bytes(current_setting('shared_buffers'))::float8 AS bytes`,
    );
    return rows[0]?.bytes ?? 0;
  });
}
