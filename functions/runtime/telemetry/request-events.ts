import { currentTrace, type TelemetryConfig } from '../../../shared/core/config.ts';
import type { EventSinks } from './event-sinks.ts';
import type { InvocationFields } from './invocation-log.ts';

export interface RequestEvents {
  requestAnswered(route: { method: string; path: string; status: number; milliseconds: number }): void;
  requestFailed(error: unknown, route: { method: string; path: string }): void;
}

export interface RequestLine {
  readonly settings: Pick<TelemetryConfig, 'service' | 'writesInfo'>;
  readonly fields: () => InvocationFields | undefined;
  readonly write: (line: string) => void;
}

/** @param line for the line of each request, which is formatted by hand: the logger takes many times as long */
export function createRequestEvents(
  { count, time, logger, errors }: EventSinks,
  { settings, fields, write }: RequestLine,
): RequestEvents {
  return {
    requestAnswered({ method, path, status, milliseconds }) {
      count('RequestCount');
      if (status >= 500) count('RequestErrorCount');
      time('RequestDuration', milliseconds);
      if (!settings.writesInfo) return;
      write(
        JSON.stringify({
          level: 'INFO',
          message: 'request answered',
          timestamp: new Date().toISOString(),
          service: settings.service,
          ...fields(),
          xray_trace_id: currentTrace()?.traceId,
          method,
          path,
          status,
          milliseconds: Math.round(milliseconds),
        }),
      );
    },
    requestFailed(error, route) {
      logger().warn('request refused or failed', { ...errors.describe(error), route });
    },
  };
}
