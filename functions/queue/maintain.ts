import { maintenanceMessage } from '../../shared/jobs/maintenance.message.ts';
import { outlastOutage } from '../runtime/outlast-outage.ts';
import { queueFunction, queueServices } from '../runtime/queue-function.ts';
import { runMaintenance } from './run-maintenance.ts';

/** Without this, a message would be redelivered only an hour and a half after an outage, and become a dead letter after a day of outages. */
export const handler = queueFunction(
  (record, { services, context }) =>
    outlastOutage(services, [record], () => {
      const message = maintenanceMessage.parse(JSON.parse(record.body));
      return runMaintenance(message, services, () => context.getRemainingTimeInMillis());
    }),
  queueServices('dbrag_maintainer'),
);
