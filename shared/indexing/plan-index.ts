import type { FoundIndex, IndexStatus, PartitionState } from './partition-state.ts';
import { denserThan, type IndexKind, type IndexParameters, parametersFor, predictBuild } from './predict-build.ts';

export interface AutopilotSettings {
  /** Below, comparing every vector is faster than an index, and right. */
  readonly fewestRows: number;
  /** A load has gone quiet when nothing was inserted for this long: loading into an existing index is slowest. */
  readonly quietMilliseconds: number;
  readonly largestDeadShare: number;
  /** An index is rebuilt for dead rows no sooner than this after it was last built. */
  readonly rebuildMilliseconds: number;
  readonly longestBuildSeconds: number;
  /** Failed builds in a row after which an operator must ask. */
  readonly mostFailures: number;
}

export const autopilotSettings: AutopilotSettings = {
  fewestRows: 20_000,
  quietMilliseconds: 120_000,
  largestDeadShare: 0.2,
  rebuildMilliseconds: 24 * 3_600_000,
  longestBuildSeconds: 6 * 3_600,
  mostFailures: 3,
};

export interface Surroundings {
  readonly now: Date;
  readonly dimensions: number;
  /** Bytes that a build may take: half of the server's shared memory. */
  readonly memoryBytes: number;
}

export type IndexAction =
  | {
      readonly type: 'leave';
      readonly status: IndexStatus;
      readonly why: string;
      /** Something is due once what stands in its way is over: only another look would see that. */
      readonly again: boolean;
    }
  | { readonly type: 'drop'; readonly index: string; readonly why: string; readonly failed: boolean }
  | { readonly type: 'finish'; readonly index: FoundIndex }
  | {
      readonly type: 'build';
      readonly kind: IndexKind;
      readonly parameters: IndexParameters;
      readonly memoryBytes: number;
      readonly why: string;
    }
  | { readonly type: 'reindex'; readonly index: string; readonly memoryBytes: number; readonly why: string }
  | { readonly type: 'vacuum'; readonly why: string };

/** The promise of a search's ten nearest, by the rows of the partition. */
export const promisedRecall = (rows: number): number => (rows <= 100_000 ? 0.98 : 0.95);

/** The farthest that a search is made to look before another index is built instead. */
export const farthestSearch = 400;

const leave = (
  status: IndexStatus,
  why: string,
  again = status === 'building' || status === 'waiting',
): IndexAction => ({ type: 'leave', status, why, again });

/** The action for one partition now: at most one, the most urgent. A pure function of its arguments. */
export function planIndex(
  state: PartitionState,
  surroundings: Surroundings,
  settings = autopilotSettings,
): IndexAction {
  const action = dueFor(state, surroundings, settings);
  // Whatever waits for the table's lock would cancel an autovacuum, which would begin again from the start.
  if (!state.is_vacuuming || action.type === 'leave' || action.type === 'finish') return action;
  const isSearched = state.indexes.some(({ valid, of_model }) => valid && of_model);
  const why = 'The partition is being vacuumed; its index is worked on after that.';
  return leave(isSearched ? 'ready' : 'waiting', why, true);
}

function dueFor(
  state: PartitionState,
  { now, dimensions, memoryBytes }: Surroundings,
  settings: AutopilotSettings,
): IndexAction {
  const building = state.indexes.find((index) => index.progress !== null);
  if (building?.progress) return leave('building', explainProgress(building.progress));
  const broken = state.indexes.find((index) => !index.valid);
  if (broken) return { type: 'drop', index: broken.name, why: 'its build was broken off', failed: true };
  const ours = state.indexes.filter((index) => index.of_model);
  const foreign = state.indexes.find((index) => !index.of_model && !index.of_fallback);
  const wanted = ours.find((index) => index.name === state.index_name) ?? ours[0];
  // A replacement is there: what it replaces goes.
  const replaced = ours.find((index) => wanted !== undefined && index.name !== wanted.name);
  if (state.status === 'building') {
    if (wanted && wanted.name === state.index_name) return { type: 'finish', index: wanted };
    if (startedLately(state, now)) return leave('building', 'The build is starting.');
  }
  if (replaced) return { type: 'drop', index: replaced.name, why: 'another index has taken its place', failed: false };
  if (foreign) return { type: 'drop', index: foreign.name, why: 'its model is no longer searched', failed: false };
  if (state.rows < settings.fewestRows && state.wanted_at === null) {
    // Half as many as it takes to build one, or an index would come and go around the threshold.
    if (wanted && state.rows < settings.fewestRows / 2)
      return { type: 'drop', index: wanted.name, why: 'so few vectors are compared one by one faster', failed: false };
    if (wanted) return leave('ready', '');
    return leave('exact', `${Math.round(state.rows)} vectors: compared one by one, which is exact.`);
  }
  if (state.wanted_at === null && isQuiet(state, now, settings)) {
    if (!wanted && !isAskedOf(state, 1, settings))
      return leave(
        'exact',
        `None of its workspaces is searched by an index: the largest holds ${state.largest} chunks.`,
      );
    // Half as much as it takes to build one, as above.
    if (wanted && !isAskedOf(state, 2, settings))
      return { type: 'drop', index: wanted.name, why: 'no workspace is searched by it any more', failed: false };
  }
  const replacement = wanted && replacementOf(state, wanted, dimensions, memoryBytes);
  if (wanted && replacement === undefined && state.wanted_at === null) {
    if (state.dead_share <= settings.largestDeadShare) return leave('ready', explainRecall(state));
    return clearDeadRows(state, wanted, { now, dimensions }, settings);
  }
  if (state.failures >= settings.mostFailures && state.wanted_at === null)
    return leave(
      'failed',
      `${state.failures} builds failed, the last one because ${state.why || 'it was broken off'}. Ask for a rebuild.`,
    );
  const { kind, parameters } = replacement ?? firstGraph(state, wanted, dimensions, memoryBytes);
  const prediction = predictBuild(kind, state.rows, dimensions, parameters);
  if (prediction.memoryBytes > memoryBytes)
    return leave(
      wanted ? 'ready' : 'refused',
      `A build would take ${megabytes(prediction.memoryBytes)} of memory; ${megabytes(memoryBytes)} are left for it.`,
    );
  if (prediction.seconds > settings.longestBuildSeconds)
    return leave(wanted ? 'ready' : 'refused', `A build would take ${Math.round(prediction.seconds / 60)} minutes.`);
  if (state.wanted_at === null && !isQuiet(state, now, settings))
    return leave(
      wanted ? 'ready' : 'waiting',
      'Vectors are still being loaded; it is built when that has gone quiet.',
      true,
    );
  const why = `${Math.round(state.rows)} vectors: about ${Math.ceil(prediction.seconds)} s and ${megabytes(prediction.memoryBytes)}.`;
  return { type: 'build', kind, parameters, memoryBytes: prediction.memoryBytes, why };
}

/**
 * Rebuilds the index first, and vacuums the partition after that: removing dead rows from a graph one by one takes far longer (pgvector's
 * README, "Vacuuming"). Only the vacuum lowers their share: a rebuild after a rebuild would change nothing, and each keeps autovacuum away
 * from the table. What a vacuum leaves is held by an old transaction, a replication slot or a reader: neither removes it, and so that they do
 * not take turns for as long as it is held, one rebuild a day is enough.
 */
function clearDeadRows(
  state: PartitionState,
  index: FoundIndex,
  { now, dimensions }: Pick<Surroundings, 'now' | 'dimensions'>,
  settings: AutopilotSettings,
): IndexAction {
  if (!isQuiet(state, now, settings))
    return leave('ready', 'Many of its rows are dead; they are cleared away when the load has gone quiet.', true);
  const why = `${Math.round(state.dead_share * 100)} % of its rows are dead`;
  if (isNewerThanVacuum(state)) return { type: 'vacuum', why };
  if (state.started_at && now.getTime() - state.started_at.getTime() < settings.rebuildMilliseconds)
    return leave(
      'ready',
      `${why}: they are still held by a transaction, or died since the last vacuum. It is rebuilt for them once a day.`,
    );
  if (state.failures >= settings.mostFailures)
    return leave('ready', `${why}, and ${state.failures} rebuilds failed. Ask for a rebuild.`);
  const parameters = parametersFor(state.rows, state.parameters);
  const { memoryBytes } = predictBuild(index.kind, state.rows, dimensions, parameters);
  return { type: 'reindex', index: index.name, memoryBytes, why };
}

/** Whether the index was built or rebuilt since the partition was last vacuumed: before it is rebuilt again, a vacuum is due. */
const isNewerThanVacuum = ({ started_at, vacuumed_at }: PartitionState): boolean =>
  started_at !== null && (vacuumed_at === null || started_at > vacuumed_at);

interface Graph {
  readonly kind: IndexKind;
  readonly parameters: IndexParameters;
}

const fits = (state: PartitionState, { kind, parameters }: Graph, dimensions: number, memoryBytes: number): boolean =>
  predictBuild(kind, state.rows, dimensions, parameters).memoryBytes <= memoryBytes;

/**
 * On the vectors where their graph fits into memory, since its searches are the quicker; on their signs where it does not. Whoever asks for
 * another of what is there gets the same.
 */
function firstGraph(
  state: PartitionState,
  found: FoundIndex | undefined,
  dimensions: number,
  memoryBytes: number,
): Graph {
  const parameters = parametersFor(state.rows, found && state.parameters);
  if (found) return { kind: found.kind, parameters };
  const onVectors: Graph = { kind: 'hnsw', parameters };
  return fits(state, onVectors, dimensions, memoryBytes) ? onVectors : { kind: 'hnsw_binary', parameters };
}

/**
 * What takes the place of an index that has been measured and cannot keep the promise however far it is searched: the vectors instead of
 * their signs, then a denser graph, as far as they fit into memory. Undefined where it keeps it, or where nothing better fits.
 */
function replacementOf(
  state: PartitionState,
  found: FoundIndex,
  dimensions: number,
  memoryBytes: number,
): Graph | undefined {
  if (!misses(state)) return undefined;
  const denser = denserThan(state.parameters, state.rows);
  const better: Graph[] = denser ? [{ kind: found.kind, parameters: denser }] : [];
  if (found.kind === 'hnsw_binary') better.unshift({ kind: 'hnsw', parameters: parametersFor(state.rows) });
  return better.find((graph) => fits(state, graph, dimensions, memoryBytes));
}

const misses = ({ recall, rows, ef_search }: PartitionState): boolean =>
  recall !== null && recall < promisedRecall(rows) && ef_search >= farthestSearch;

const explainRecall = (state: PartitionState): string =>
  misses(state)
    ? `It finds ${Math.floor(100 * (state.recall ?? 0))} % of the nearest, and nothing better fits into memory.`
    : '';

/** Whether an index would be asked for any workspace, as `dbrag.searched_by_index` says. @param times what the largest is taken for */
const isAskedOf = ({ largest, rows }: PartitionState, times: number, { fewestRows }: AutopilotSettings): boolean => {
  if (largest === null) return true;
  const chunks = largest * times;
  return chunks > fewestRows && (chunks > 3 * fewestRows || chunks * 5 >= rows);
};

const isQuiet = (state: PartitionState, now: Date, settings: AutopilotSettings): boolean =>
  state.last_inserted === state.inserted &&
  state.still_since !== null &&
  now.getTime() - state.still_since.getTime() >= settings.quietMilliseconds;

/** A statement that was sent a moment ago is not in the catalog yet. */
const startedLately = (state: PartitionState, now: Date): boolean =>
  state.started_at !== null && now.getTime() - state.started_at.getTime() < 60_000;

function explainProgress({ phase, done, total }: NonNullable<FoundIndex['progress']>): string {
  return total > 0 ? `Being built: ${phase}, ${Math.floor((100 * done) / total)} %.` : `Being built: ${phase}.`;
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1_048_576)} MB`;
