import { armTending } from '../../shared/indexing/arm-tending.ts';
import { type CheckOptions, checkAllIndexes } from '../../shared/indexing/check-all-indexes.ts';
import { type IndexingPorts, tendIndexes } from '../../shared/indexing/tend-indexes.ts';
import type { Services } from '../runtime/services.ts';

export function indexingPorts({ database, direct, clock, config, log }: Services): IndexingPorts {
  const { embeddingModel: model, fallbackModel, embeddingDimensions: dimensions } = config.models;
  const onUpkeepFailed = (partition: string, error: unknown) => log.upkeepFailed(error, { partition });
  return { database, direct, clock, model, fallbackModel, dimensions, onUpkeepFailed };
}

/** One look of the autopilot, and another while something is being built. An index that has just been finished is measured at once. */
export async function tendOn(services: Services, hasTime: () => boolean): Promise<void> {
  const ports = indexingPorts(services);
  const { again, did } = await tendIndexes(ports);
  for (const each of did) services.log.indexTended(each);
  // Before what may take long: a look that ends in the middle of it is followed by another.
  if (again) await armTending(services.database, services.queue);
  const finished = did.filter(({ action }) => action === 'finish').map(({ partition }) => partition);
  if (finished.length > 0) await measureRecall(services, { hasTime, partitions: finished });
}

/** The canary of the night, and what follows from it. */
export async function checkIndexes(services: Services, hasTime: () => boolean): Promise<void> {
  await measureRecall(services, { hasTime });
  await tendOn(services, hasTime);
}

async function measureRecall(services: Services, options: Omit<CheckOptions, 'onFailed'>): Promise<void> {
  const { log } = services;
  const onFailed = (partition: string, error: unknown) =>
    log.recordFailed(error, { source: `recall of ${partition}`, messageId: log.requestId() ?? '' });
  for (const { recall, promised } of await checkAllIndexes(indexingPorts(services), { ...options, onFailed }))
    log.recallMeasured(recall, promised);
}
