import type { Context } from 'aws-lambda';
import { runDeletion } from '../../shared/ingestion/remove-document.ts';
import { createSweepActions } from '../../shared/ingestion/sweep-actions.ts';
import { type MaintenanceMessage, maintenanceMessage } from '../../shared/jobs/maintenance.message.ts';
import { sweep } from '../../shared/jobs/sweep.ts';
import { queueFunction } from '../runtime/queue-function.ts';
import { createServices, type Services } from '../runtime/services.ts';
import { runNightly } from './nightly.ts';

export const handler = queueFunction(
  ({ body }, { services, context }) => maintain(maintenanceMessage.parse(JSON.parse(body)), services, context),
  createServices({}, 'dbrag_maintainer'),
);

async function maintain(message: MaintenanceMessage, services: Services, context: Context): Promise<void> {
  switch (message.kind) {
    case 'delete':
      await runDeletion(services, message.workspace_id, message.job_id, {
        remainingTime: () => context.getRemainingTimeInMillis(),
      });
      return;
    case 'sweep': {
      if (message.full) await runNightly(services);
      const { database, queue, clock, log } = services;
      const report = await sweep({ database, queue, clock, actions: createSweepActions(database, queue) });
      if (report) log.sweepFinished(report);
      return;
    }
  }
}
