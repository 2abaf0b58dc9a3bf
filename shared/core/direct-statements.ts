/** What must not run in a transaction, on a connection of its own to the writer: a pool's would be held for as long as it takes. */
export interface DirectStatements {
  /**
   * Runs statements one after the other as the maintainer, and waits for the last no longer than `waitMilliseconds`. `running`: the
   * connection is left, and the server goes on without its client (it looks for one only when it has something to say).
   * @throws what the server said, when a statement fails within that time
   */
  run(statements: readonly string[], waitMilliseconds: number): Promise<'finished' | 'running'>;
}
