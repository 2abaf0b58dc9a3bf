import { readFailpointConfig } from '../../shared/core/config.ts';
import { type Failpoint, noFailpoint } from '../../shared/core/failpoint.ts';
import { steeredFailpoint } from './steered-failpoint.ts';

/** Replaced when the bundle is made: true only in that of the `test` stage. All others lose what stands behind it. */
declare const ACTING_FAILPOINTS: boolean;

/** The failpoint of this bundle: one that whoever runs the tests steers, or one that does nothing. */
export function createFailpoint(): Failpoint {
  if (typeof ACTING_FAILPOINTS !== 'undefined' && ACTING_FAILPOINTS) {
    const { socket, handler } = readFailpointConfig();
    if (socket !== undefined) return steeredFailpoint(socket, handler);
  }
  return noFailpoint;
}
