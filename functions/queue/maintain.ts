import { maintenanceMessage } from '../../shared/jobs/maintenance.message.ts';
import { queueFunction } from '../runtime/queue-function.ts';
import { createServices } from '../runtime/services.ts';
import { runMaintenance } from './run-maintenance.ts';

export const handler = queueFunction(
  ({ body }, { services, context }) =>
    runMaintenance(maintenanceMessage.parse(JSON.parse(body)), services, () => context.getRemainingTimeInMillis()),
  createServices({}, 'dbrag_maintainer'),
);
