/**
 * A named place at which a test may kill, freeze or fail the process. Shipped code passes through it: only the bundle of the
 * `test` stage binds one that acts.
 */
export interface Failpoint {
  /** @param about which document, for a death that follows one around */
  reach(name: string, about?: string): Promise<void>;
}

export const noFailpoint: Failpoint = { reach: async () => {} };
