import { createEventBridgeBus } from '../../shared/adapters/eventbridge/event-bridge-bus.ts';
import type { Config } from '../../shared/core/config-shape.ts';
import { type EventBus, noEventBus } from '../../shared/core/event-bus.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

/** The stage's bus; one that swallows everything where the stage or the function has none. */
export function createEventBus({ eventBusName, stage }: Config, log: Telemetry): EventBus {
  if (eventBusName === undefined) return noEventBus;
  const onFailure = (count: number, error: unknown) => log.nudgeFailed({ queue: eventBusName, count, error });
  return createEventBridgeBus({ busName: eventBusName, source: `dbrag.${stage}`, onFailure });
}
