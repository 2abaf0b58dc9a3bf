import { Metrics as PowertoolsLibrary } from '@aws-lambda-powertools/metrics';
import type { Metrics, MetricUnit } from './metrics.ts';

/** Through Powertools, which publishes early whatever would not fit into one line (100 metrics, 100 values of one). */
export class PowertoolsMetrics implements Metrics {
  readonly #library: PowertoolsLibrary;

  constructor(namespace: string, serviceName: string) {
    this.#library = new PowertoolsLibrary({ namespace, serviceName });
  }

  add(name: string, unit: MetricUnit, value: number): void {
    this.#library.addMetric(name, unit, value);
  }

  publish(): void {
    // It warns of having nothing to write.
    if (this.#library.hasStoredMetrics()) this.#library.publishStoredMetrics();
  }
}
