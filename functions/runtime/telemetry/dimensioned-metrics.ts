import { type Dimension, EmbeddedMetrics } from './embedded-metrics.ts';
import type { MetricUnit } from './metrics.ts';

/**
 * Metrics by something else than the function that wrote them: a cache, a model, a stage of an answer, a route. They carry that
 * dimension alone, so that one metric covers all functions together. Only something with few values may be a dimension, so never a workspace.
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

  /** Writes a line for each value of a dimension that something came for. */
  publish(): void {
    for (const series of this.#series.values()) series.publish();
  }
}
