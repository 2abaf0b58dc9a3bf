/** The use of a stage in a month. */
export interface Workload {
  readonly name: string;
  readonly documents: number;
  /** Of connected databases. */
  readonly tables: number;
  /** Each is a question that wants an answer, the dearest kind. */
  readonly queriesPerDay: number;
  /** Within which they come: a cluster that may pause does so in the others. */
  readonly hoursPerDay: number;
}

const team = {
  name: '10 k documents, 1 k tables, 10 k queries within 16 hours of a day',
  documents: 10_000,
  tables: 1_000,
  queriesPerDay: 10_000,
  hoursPerDay: 16,
} as const;

/** The workloads by which stages are compared. */
export const workloads = {
  team,
  teamRoundTheClock: { ...team, name: 'the same, round the clock', hoursPerDay: 24 },
  company: {
    name: '1 M documents, 10 k queries a day, round the clock',
    documents: 1_000_000,
    tables: 0,
    queriesPerDay: 10_000,
    hoursPerDay: 24,
  },
} as const satisfies Readonly<Record<string, Workload>>;

/** A document of average size, as the corpora of `docs/benchmarks.md` have it. */
export const ofDocument = {
  chunks: 10,
  tokens: 3_000,
  fileGigabytes: 30e-6,
  /** Of a chunk's rows and all indexes but the vectors': text, vector, terms, placement. */
  gigabytesOfChunk: 7e-6,
} as const;

/** Of the vectors' graph, in gigabytes a chunk at 1,536 dimensions: on the vectors while these are few, on their signs beyond. */
export const ofGraph = {
  onVectors: 4.1e-6,
  onSigns: 0.5e-6,
  mostOnVectors: 1_000_000,
  vectorsReadOnSigns: 200,
} as const;

/** Memory of an Aurora capacity unit that holds a graph: half of its 2 GiB, since rows and sorting want the rest. */
export const graphGigabytesOfUnit = 1.07;
/** Capacity that a cluster in use takes before it holds any graph. */
export const leastCapacityInUse = 0.5;

/** A question with its answer. Sources are at most 6,000 tokens; instructions, the question and the marks come to it. */
export const ofQuery = {
  promptTokens: 6_900,
  answerTokens: 250,
  questionTokens: 20,
  /** Until the last token: Lambda is paid while it waits for the model. */
  functionSeconds: 3,
  functionGigabytes: 1,
  /** The audit trail's message, and the work of taking it up. */
  auditSeconds: 0.05,
  auditRequests: 3,
  logGigabytes: 3e-6,
  flowLogGigabytes: 1e-6,
  /** Prompts to the model, and the answers to users. */
  sentGigabytes: 38e-6,
  receivedGigabytes: 12e-6,
  cacheUnits: 20,
  databaseRequests: 5,
  keyRequests: 0.2,
} as const;

/** Series of metrics that come in every hour in which somebody asks. */
export const metricsInUse = 60;
/** A table of a catalog: its columns, description, samples and vector. */
export const gigabytesOfTable = 20e-6;
