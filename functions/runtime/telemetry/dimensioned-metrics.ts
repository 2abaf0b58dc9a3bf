import { type Dimension, EmbeddedMetrics } from './embedded-metrics.ts';
import type { MetricUnit } from './metrics.ts';

/**
 * Metrics by something other than the function that writes them: a cache, a model, a stage of an answer, a route. That is their only
 * dimension, so that one metric covers all functions. A dimension must have few values, so it is never a workspace.
 */
export class DimensionedMetrics {
  readonly #namespace: string;
  readonly #write: (line: string) => void;
  readonly #series = new Map<string, EmbeddedMetrics>();

  constructor(namespace: string, write: (line: string) => void) {
    this.#namespace = namespace;
    this.#write = write;
  }

  add(dimension: Dimension, name: string, unit: MetricUnit, value: number): void {
    const key = `${dimension.name} ${dimension.value}`;
    let series = this.#series.get(key);
    if (!series) {
      series = new EmbeddedMetrics(this.#namespace, dimension, this.#write);
      this.#series.set(key, series);
    }
    series.add(name, unit, value);
  }

  /** Writes a line for each value of a dimension that has new metrics. */
  publish(): void {
    for (const series of this.#series.values()) series.publish();
  }
}
