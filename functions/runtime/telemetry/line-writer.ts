/** Writes lines to standard output. Lines written `together` are one write: each write wakes the reader, which costs more than the line. */
export class LineWriter {
  #gathered: string[] | undefined;

  readonly write = (line: string): void => {
    if (this.#gathered) this.#gathered.push(line);
    else process.stdout.write(`${line}\n`);
  };

  together(work: () => void): void {
    const lines: string[] = [];
    this.#gathered = lines;
    try {
      work();
    } finally {
      this.#gathered = undefined;
      if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
    }
  }
}
