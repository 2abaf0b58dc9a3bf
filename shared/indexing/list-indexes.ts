import type { Db } from '../core/database.ts';
import type { IndexStatus } from './partition-state.ts';
import type { IndexKind } from './predict-build.ts';

/** The autopilot's notes on one partition. */
export interface VectorIndex {
  readonly partition: string;
  readonly model: string;
  readonly status: IndexStatus;
  readonly kind: IndexKind | null;
  readonly parameters: Readonly<Record<string, number>>;
  readonly ef_search: number;
  readonly rows: number;
  readonly dead_share: number;
  readonly recall: number | null;
  readonly checked_at: Date | null;
  readonly built_at: Date | null;
  readonly build_seconds: number | null;
  readonly why: string;
}

/** @param partition null: all of them, which are other tenants' too */
export async function listIndexes(db: Db, partition: string | null): Promise<readonly VectorIndex[]> {
  const { rows } = await db.query<VectorIndex>(
    `SELECT partition, model, status, kind, parameters, ef_search, rows::float8, dead_share, recall, checked_at, built_at, build_seconds, why
     FROM dbrag.vector_indexes WHERE $1::text IS NULL OR partition = $1 ORDER BY partition, model`,
    [partition],
  );
  return rows;
}
