/** Notes when phases end, counted from the start of the process. */
export class Timings {
  readonly #phases: { readonly name: string; readonly milliseconds: number }[] = [];

  ended(name: string): void {
    this.#phases.push({ name, milliseconds: performance.now() });
  }

  /** One line a phase: when it ended. Phases overlap, so these are moments, not durations. */
  table(): string {
    return this.#phases
      .map(({ name, milliseconds }) => `${milliseconds.toFixed(0).padStart(7)} ms  ${name}`)
      .join('\n');
  }
}
