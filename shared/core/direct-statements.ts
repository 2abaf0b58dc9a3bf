/** Statements that must not run in a transaction, on a separate connection to the writer: a pooled one would be held for as long as they take. */
export interface DirectStatements {
  /**
   * Runs statements one after the other as the maintainer, and waits for the last no longer than `waitMilliseconds`. `running`: the
   * connection is dropped, and the server continues without its client (it notices only when it has something to send).
   * @throws what the server said, when a statement fails within that time
   */
  run(statements: readonly string[], waitMilliseconds: number): Promise<'finished' | 'running'>;
}
