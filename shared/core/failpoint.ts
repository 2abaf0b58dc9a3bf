/**
 * A named place at which a test may kill, freeze or fail the process. Shipped code passes through it: only the bundle of the
 * `test` stage binds one that acts.
 */
export interface Failpoint {
  /** @param about the document that is worked on, so that a test can fail it wherever it is processed */
  reach(name: string, about?: string): Promise<void>;
}

export const noFailpoint: Failpoint = { reach: async () => {} };
