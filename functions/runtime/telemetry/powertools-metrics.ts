import { Metrics as PowertoolsLibrary } from '@aws-lambda-powertools/metrics';
import type { Metrics, MetricUnit } from './metrics.ts';

/** Metrics through Powertools, which publishes early when a line is full (100 metrics, or 100 values of one). */
export class PowertoolsMetrics implements Metrics {
  readonly #library: PowertoolsLibrary;

  constructor(namespace: string, serviceName: string) {
    this.#library = new PowertoolsLibrary({ namespace, serviceName });
  }

  add(name: string, unit: MetricUnit, value: number): void {
    this.#library.addMetric(name, unit, value);
  }

  publish(): void {
    // Powertools logs a warning when there is nothing to write.
    if (this.#library.hasStoredMetrics()) this.#library.publishStoredMetrics();
  }
}
