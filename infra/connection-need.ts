import { connectionsAdmitted, connectionsEach, environmentsBesideWork } from './environments-admitted.ts';
import type { StageSettings } from './stage-settings.ts';
import { totalOf, workConcurrency } from './work-concurrency.ts';

/** Connections that the functions of a stage may have open at once, and how many of them the database admits. */
export function connectionNeed(stage: StageSettings): { readonly needed: number; readonly admitted: number } {
  const { ingest, embed } = workConcurrency(stage);
  const environments = environmentsBesideWork(stage) + totalOf(ingest) + totalOf(embed);
  return { needed: environments * connectionsEach(stage), admitted: connectionsAdmitted(stage) };
}
