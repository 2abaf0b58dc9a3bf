import type { Clock } from '../core/clock.ts';
import type { Database } from '../core/database.ts';
import { isOutage } from '../core/outage.ts';
import { note, type PartitionState, readPartitions, sharedBuffers } from './partition-state.ts';
import { type AutopilotSettings, type IndexAction, planIndex } from './plan-index.ts';
import type { IndexKind } from './predict-build.ts';
import { analyze, type UpkeepPorts, vacuum, waitMilliseconds } from './upkeep.ts';

export interface IndexingPorts extends UpkeepPorts {
  /** As the maintainer: it may build and drop. */
  readonly database: Database;
  readonly clock: Clock;
  readonly model: string;
  /** The second space: its vectors are searched too, so an index of them stays. */
  readonly fallbackModel?: string | null;
  readonly dimensions: number;
  readonly settings?: AutopilotSettings;
}

export interface TendReport {
  /** Something is being built, or waits for a load or a vacuum to end: look again in a while. */
  readonly again: boolean;
  readonly did: readonly { readonly partition: string; readonly action: string; readonly why: string }[];
}

type DueAction = Exclude<IndexAction, { type: 'leave' }>;

/** How long building or dropping in a partition keeps others from doing the same. */
const leaseSeconds = 120;

/**
 * One look at every partition of embeddings: notes what it sees, and does for each the one thing that is due. Builds are sent and let
 * go; later looks read how far they are, and finish or clear away. Dying anywhere leaves what the next look finds.
 */
export async function tendIndexes(ports: IndexingPorts): Promise<TendReport> {
  const memoryBytes = (await sharedBuffers(ports.database)) / 2;
  const did: { partition: string; action: string; why: string }[] = [];
  let again = false;
  const states = await readPartitions(ports.database, ports);
  await noteSeen(ports, states);
  for (const state of states) {
    // Most partitions of a small system are empty.
    if (state.rows === 0 && state.last_inserted === null && state.indexes.length === 0) continue;
    await analyze(ports, state);
    const action = planIndex(
      state,
      { now: ports.clock.now(), dimensions: ports.dimensions, memoryBytes },
      ports.settings,
    );
    if (action.type === 'leave') {
      again ||= action.again;
      await noteLeft(ports, state, action);
    } else if (await lease(ports, state)) {
      const goesOn = await attempt(ports, state, action);
      again ||= goesOn;
      did.push({ partition: state.partition, action: action.type, why: 'why' in action ? action.why : '' });
    } else again = true;
  }
  return { again, did };
}

/** One statement for all: on most looks nothing has changed, and nothing is written. */
async function noteSeen({ database, clock, model }: IndexingPorts, states: readonly PartitionState[]): Promise<void> {
  const moved = states.filter(
    (state) => state.last_inserted !== state.inserted && (state.rows > 0 || state.last_inserted),
  );
  if (moved.length === 0) return;
  await database.inSystem((db) =>
    db.query(
      `INSERT INTO dbrag.vector_indexes AS noted (partition, model, rows, dead_share, inserted, still_since)
       SELECT partition, $1, rows, dead_share, inserted, $6
       FROM unnest($2::text[], $3::bigint[], $4::real[], $5::bigint[]) AS seen (partition, rows, dead_share, inserted)
       ON CONFLICT (partition, model) DO UPDATE SET updated_at = now(), rows = excluded.rows, dead_share = excluded.dead_share,
         inserted = excluded.inserted, still_since = excluded.still_since`,
      [
        model,
        moved.map(({ partition }) => partition),
        moved.map(({ rows }) => Math.round(rows)),
        moved.map(({ dead_share }) => dead_share),
        moved.map(({ inserted }) => inserted),
        clock.now(),
      ],
    ),
  );
}

async function noteLeft(
  { database, model }: IndexingPorts,
  state: PartitionState,
  action: IndexAction & { type: 'leave' },
) {
  if (state.status === action.status && state.why === action.why) return;
  await database.inSystem((db) => note(db, state.partition, model, { status: action.status, why: action.why }));
}

/**
 * Where it fails, the next look tries again, and the other partitions need not wait for that.
 * @returns whether there is more to do
 * @throws an outage: it is none of the partition's failures
 */
async function attempt(ports: IndexingPorts, state: PartitionState, action: DueAction): Promise<boolean> {
  try {
    return await act(ports, state, action);
  } catch (error) {
    if (isOutage(error)) throw error;
    const why = `Its ${action.type} failed: ${error instanceof Error ? error.message : String(error)}`;
    await ports.database.inSystem((db) =>
      note(db, state.partition, ports.model, { failures: state.failures + 1, why, leased_until: null }),
    );
    return true;
  }
}

/** Only one process at a time acts on a partition, of which nothing may have been noted yet: it can be empty and have an old model's index. */
async function lease({ database, model }: IndexingPorts, { partition }: PartitionState): Promise<boolean> {
  const { count } = await database.inSystem((db) =>
    db.query(
      `INSERT INTO dbrag.vector_indexes AS noted (partition, model, leased_until)
       VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
       ON CONFLICT (partition, model) DO UPDATE SET leased_until = excluded.leased_until
       WHERE noted.leased_until IS NULL OR noted.leased_until < clock_timestamp()`,
      [partition, model, leaseSeconds],
    ),
  );
  return count > 0;
}

/** @returns whether there is more to do */
async function act(ports: IndexingPorts, state: PartitionState, action: DueAction): Promise<boolean> {
  const write = async (noted: Readonly<Record<string, unknown>>) => {
    await ports.database.inSystem((db) => note(db, state.partition, ports.model, { leased_until: null, ...noted }));
    return true;
  };
  switch (action.type) {
    case 'drop':
      await ports.direct.run([`DROP INDEX CONCURRENTLY IF EXISTS dbrag.${action.index}`], waitMilliseconds);
      return write({
        why: `The index ${action.index} was dropped: ${action.why}.`,
        ...(action.failed ? { status: 'failed', failures: state.failures + 1 } : {}),
      });
    case 'finish':
      return write({
        status: 'ready',
        kind: action.index.kind,
        failures: 0,
        wanted_at: null,
        recall: null,
        checked_at: null,
        built_at: ports.clock.now(),
        build_seconds: state.started_at ? (ports.clock.now().getTime() - state.started_at.getTime()) / 1_000 : null,
        why: '',
      });
    case 'reindex':
      await write({ started_at: ports.clock.now(), why: `Being built anew: ${action.why}.` });
      return send(ports, state, action.memoryBytes, `REINDEX INDEX CONCURRENTLY dbrag.${action.index}`);
    case 'vacuum': {
      const failure = await vacuum(ports, state);
      await write({ why: failure === undefined ? '' : `Its vacuum failed: ${failure}. The next night tries again.` });
      return failure === undefined;
    }
    case 'build': {
      const index = `${state.partition}_${action.kind}_${ports.clock.now().getTime().toString(36)}`;
      await write({
        status: 'building',
        index_name: index,
        parameters: action.parameters,
        ef_search: 100,
        started_at: ports.clock.now(),
        why: action.why,
      });
      return send(ports, state, action.memoryBytes, createIndex(index, action, state.partition, ports));
    }
  }
}

/** Starts a build. If it fails at once, the reason is recorded; if it fails later, it leaves an invalid index that the next look drops. */
async function send(
  { direct, database, model }: IndexingPorts,
  state: PartitionState,
  memoryBytes: number,
  statement: string,
): Promise<true> {
  const memory = Math.max(65_536, Math.ceil((memoryBytes * 1.1) / 1_024));
  try {
    await direct.run([`SET maintenance_work_mem = '${memory}kB'`, 'SET lock_timeout = 0', statement], waitMilliseconds);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    await database.inSystem((db) =>
      note(db, state.partition, model, {
        status: 'failed',
        failures: state.failures + 1,
        why: `The build failed: ${why}`,
      }),
    );
  }
  return true;
}

function createIndex(
  index: string,
  { kind, parameters }: IndexAction & { type: 'build' },
  partition: string,
  { model, dimensions }: IndexingPorts,
): string {
  const what: Record<IndexKind, string> = {
    hnsw: 'embedding halfvec_cosine_ops',
    hnsw_binary: `(binary_quantize(embedding)::bit(${dimensions})) bit_hamming_ops`,
  };
  const { m, ef_construction } = parameters;
  return `CREATE INDEX CONCURRENTLY ${index} ON dbrag.${partition} USING hnsw (${what[kind]})
    WITH (m = ${m}, ef_construction = ${ef_construction}) WHERE model = '${model.replaceAll("'", "''")}'`;
}
