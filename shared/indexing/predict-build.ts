export type IndexKind = 'hnsw' | 'hnsw_binary';

export interface IndexParameters {
  readonly m: number;
  readonly ef_construction: number;
}

export interface BuildPrediction {
  /** The whole graph, while it is built: with less `maintenance_work_mem` a build takes three times as long. */
  readonly memoryBytes: number;
  readonly seconds: number;
}

/** Rows up to which the first graph keeps its promise. */
const rowsOfFirstGraph = 1_000_000;

/**
 * From the sparsest that keeps the promise of a search to the densest that is built. Chunks about one thing are stored side by side, and so
 * they come into the graph: an `ef_construction` that does not look past them links each document to itself alone, and what a search
 * does not enter it does not find, however far it looks.
 */
const graphs: readonly IndexParameters[] = [
  { m: 16, ef_construction: 200 },
  { m: 24, ef_construction: 300 },
  { m: 32, ef_construction: 400 },
];

const first = (rows: number): number => (rows <= rowsOfFirstGraph ? 0 : 1);

/** The graph to build over this many rows; the existing one, if it was chosen because the first missed its promise. */
export function parametersFor(rows: number, found: Partial<IndexParameters> = {}): IndexParameters {
  const wanted = graphs.slice(first(rows));
  const chosen = wanted.find(({ m, ef_construction }) => m === found.m && ef_construction === found.ef_construction);
  return chosen ?? (wanted[0] as IndexParameters);
}

/** The replacement for a graph whose measured recall misses its promise; undefined for the densest. */
export function denserThan(found: Partial<IndexParameters>, rows: number): IndexParameters | undefined {
  const { m = 0, ef_construction = 0 } = found;
  return graphs
    .slice(first(rows))
    .find((each) => each.m > m || (each.m === m && each.ef_construction > ef_construction));
}

const neighbourBytes = 24;
const elementBytes = 160;
/** Measured: 100,000 rows of 1,536 dimensions, m 16, ef_construction 64, on two cores: 49 s, and 15 s for their signs. */
const secondsOfRow = { hnsw: 0.00049, hnsw_binary: 0.00015 } as const;

/** Predicted memory and time of an HNSW build over this many rows. */
export function predictBuild(
  kind: IndexKind,
  rows: number,
  dimensions: number,
  parameters: IndexParameters,
): BuildPrediction {
  const vectorBytes = kind === 'hnsw' ? 2 * dimensions + 8 : dimensions / 8 + 8;
  // 2 m neighbours on the lowest level, m on each above, of which there are 1 / (m - 1) a row.
  const neighbours = 2 * parameters.m + parameters.m / (parameters.m - 1);
  const work =
    (parameters.m / 16) * (parameters.ef_construction / 64) * Math.max(1, Math.log(rows) / Math.log(100_000));
  return {
    memoryBytes: Math.ceil(rows * (vectorBytes + elementBytes + neighbours * neighbourBytes)),
    seconds: rows * secondsOfRow[kind] * (kind === 'hnsw' ? dimensions / 1_536 : 1) * work,
  };
}
