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

/** Rows up to which the small graph keeps its promise. */
const rowsOfSmallGraph = 1_000_000;

/** m 16 / ef_construction 64 to a million rows, 32 / 128 above. */
export function parametersFor(rows: number): IndexParameters {
  return rows <= rowsOfSmallGraph ? { m: 16, ef_construction: 64 } : { m: 32, ef_construction: 128 };
}

const neighbourBytes = 24;
const elementBytes = 160;
/** Measured: 100,000 rows of 1,536 dimensions, m 16, ef_construction 64, on two cores: 49 s, and 15 s for their signs. */
const secondsOfRow = { hnsw: 0.00049, hnsw_binary: 0.00015 } as const;

/** Memory and time of an HNSW build over so many rows. */
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
