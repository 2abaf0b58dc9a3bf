/**
 * Resource use per unit, as measured on two idle cores in `docs/benchmarks.md`. All results of the simulation follow from
 * these three tables; change one, and `npm run simulate` says what becomes of the rest.
 */
export const measured = {
  /** Seconds of one core of the database: a hybrid search over an index that lies in memory, with its documents under row security. */
  searchDatabaseSeconds: 0.0039,
  /** Seconds of one core of the writer for a search that a reader answers: how far everything stands that is looked through. */
  lookDatabaseSeconds: 0.0003,
  /** Seconds that a function is held by it, until the answer is sent. */
  searchFunctionSeconds: 0.0049,
  /** Seconds of a core of the database for a document of ten chunks, from posting to being visible. */
  documentDatabaseSeconds: 0.009,
  chunksOfDocument: 10,
  /** Of the graph, in gigabytes a chunk: over the vectors, or over their signs where there are many. */
  graphGigabytesOfChunk: 4.1e-6,
  signGigabytesOfChunk: 0.5e-6,
  mostChunksOnVectors: 1_000_000,
} as const;

/** Values that nobody has measured on AWS yet: each is an assumption that the first load in an account should replace. */
export const assumed = {
  /** Searches of its legs, the route and what is kept of it. */
  answerDatabaseSeconds: 0.012,
  /** A model writes meanwhile. */
  answerFunctionSeconds: 3,
  /** An environment waits for Postgres and S3 most of that time. */
  ingestFunctionSeconds: 0.08,
  embedFunctionSeconds: 0.02,
  /** Documents that share a request to the embedding model. */
  documentsOfRequest: 60,
  tokensOfDocument: 3_000,
  tokensOfQuestion: 20,
  /** Share of questions whose vector is known. */
  questionCacheShare: 0.35,
  /** The cost of refusing a request relative to serving it: reading a counter, and a response of a few bytes. */
  costOfRefusal: 0.02,
} as const;

/** Limits of AWS and the model provider. */
export const limits = {
  /** "Aurora Serverless v2": a unit is 2 GiB and a quarter of a core; half of its memory holds what searches touch. */
  coresOfUnit: 0.25,
  gibibytesOfUnit: 2,
  searchShareOfMemory: 0.5,
  /** Beyond it, answers take long: queues grow faster than work. */
  busyShare: 0.7,
  /** Of an account, before anybody asks for more. */
  gatewayRequestsPerSecond: 10_000,
  lambdaEnvironments: 1_000,
  /** A usual tier of the provider; a stage's own limits win. */
  modelRequestsPerMinute: 5_000,
  modelTokensPerMinute: 5_000_000,
  chatRequestsPerMinute: 5_000,
} as const;
