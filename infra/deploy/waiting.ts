/** How a command passes time: tests pass none. */
export interface Waiting {
  sleep(seconds: number): Promise<void>;
  /** Says what is waited for, and for how long already. */
  tell(line: string): void;
}
