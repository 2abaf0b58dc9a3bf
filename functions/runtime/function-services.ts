import type { DatabaseUser } from './connect-database.ts';
import { outlastRejections } from './outlast-rejections.ts';
import { createServices, type Services } from './services.ts';
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts';

/** The services of a deployed function, whose process survives what one event leaves behind. */
export function functionServices(log: Telemetry = createTelemetry(), user?: DatabaseUser): Services {
  outlastRejections(log);
  return createServices({ log }, user);
}
