import type { Telemetry } from './telemetry/telemetry.ts';

/**
 * Continues after a rejection that nobody awaited: it is reported, and the current work has nothing to do with it. By default it
 * ends the process, in Node as in Lambda's own listener: the current request would be answered 502, and the current messages would be
 * redelivered only when their visibility ends. An exception thrown where nobody can catch it still ends the process.
 */
export function outlastRejections(log: Pick<Telemetry, 'rejectionStrayed'>): void {
  // The runtime's own listener, registered before this module is loaded.
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => log.rejectionStrayed(reason));
}
