/** Runs statements that must not be in a transaction, on a connection of their own to the writer: they would block a pooled one for too long. */
export interface DirectStatements {
  /**
   * Runs statements one after the other as the maintainer, and waits for the last no longer than `waitMilliseconds`. `running`: the
   * connection is dropped, and the server continues without its client (it notices only when it has something to send).
   * @throws what the server said, when a statement fails within that time
   */
  run(statements: readonly string[], waitMilliseconds: number): Promise<'finished' | 'running'>;
}
