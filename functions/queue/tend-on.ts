import { armTending } from '../../shared/indexing/arm-tending.ts';
import { checkAllIndexes } from '../../shared/indexing/check-all-indexes.ts';
import { type IndexingPorts, tendIndexes } from '../../shared/indexing/tend-indexes.ts';
import type { Services } from '../runtime/services.ts';

export function indexingPorts({ database, direct, clock, config }: Services): IndexingPorts {
  const { embeddingModel: model, fallbackModel, embeddingDimensions: dimensions } = config.models;
  return { database, direct, clock, model, fallbackModel, dimensions };
}

/** One look of the autopilot, and another while something is being built. An index that has just been finished is measured at once. */
export async function tendOn(services: Services): Promise<void> {
  const ports = indexingPorts(services);
  const { again, did } = await tendIndexes(ports);
  for (const each of did) services.log.indexTended(each);
  if (did.some(({ action }) => action === 'finish')) await measureRecall(services);
  if (again) await armTending(services.database, services.queue);
}

/** The canary of the night, and what follows from it. */
export async function checkIndexes(services: Services, hasTime: () => boolean): Promise<void> {
  await measureRecall(services, hasTime);
  await tendOn(services);
}

async function measureRecall(services: Services, hasTime?: () => boolean): Promise<void> {
  for (const { recall, promised } of await checkAllIndexes(indexingPorts(services), hasTime))
    services.log.recallMeasured(recall, promised);
}
