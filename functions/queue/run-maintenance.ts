import { runDeletion } from '../../shared/ingestion/remove-document.ts';
import { createSweepActions } from '../../shared/ingestion/sweep-actions.ts';
import type { MaintenanceMessage } from '../../shared/jobs/maintenance.message.ts';
import { sweep } from '../../shared/jobs/sweep.ts';
import { weighTerms } from '../../shared/retrieval/weigh-terms.ts';
import type { Services } from '../runtime/services.ts';
import { runNightly } from './nightly.ts';

/**
 * Does what a maintenance message asks for.
 * @param remainingTime milliseconds until the invocation is ended
 */
export async function runMaintenance(
  message: MaintenanceMessage,
  services: Services,
  remainingTime: () => number,
): Promise<void> {
  switch (message.kind) {
    case 'delete':
      await runDeletion(services, message.workspace_id, message.job_id, { remainingTime });
      await services.statistics.settle(message.workspace_id);
      return;
    case 'fold_statistics':
      await services.statistics.settle(message.workspace_id);
      await weighTerms(services.database, message.workspace_id, () => remainingTime() > 10_000);
      return;
    case 'sweep': {
      if (message.full) await runNightly(services);
      const { database, failpoint, queue, clock, log } = services;
      const actions = createSweepActions(database, queue);
      const report = await sweep({ database, failpoint, queue, clock, actions }, remainingTime);
      if (report) log.sweepFinished(report);
      return;
    }
    default:
      // Acknowledging what nobody does would lose it without a word.
      throw new Error(`Nobody does ${JSON.stringify(message satisfies never)}.`);
  }
}
