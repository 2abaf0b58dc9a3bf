import type { Telemetry } from './telemetry.ts';

/**
 * Goes on after a rejection that nobody waited for: it is told, and what runs at the moment has nothing to do with it. Left alone it
 * ends the process, as Node's default does and Lambda's own listener: the request under way would be answered 502, and messages under
 * way would come again only when their visibility ends. What is thrown where nobody can catch it still ends the process.
 */
export function outlastRejections(log: Pick<Telemetry, 'rejectionStrayed'>): void {
  // The runtime's own listener, registered before this module is loaded.
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', (reason) => log.rejectionStrayed(reason));
}
