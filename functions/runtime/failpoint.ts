import { readFailpointConfig } from '../../shared/core/config.ts';
import { type Failpoint, noFailpoint } from '../../shared/core/failpoint.ts';
import { steeredFailpoint } from './steered-failpoint.ts';

/** Replaced by the bundler: true only in the bundle of the `test` stage. From all others the code behind it is removed. */
declare const ACTING_FAILPOINTS: boolean;

/** The failpoint of this bundle: controlled by the tests, or doing nothing. */
export function createFailpoint(): Failpoint {
  if (typeof ACTING_FAILPOINTS !== 'undefined' && ACTING_FAILPOINTS) {
    const { socket, handler } = readFailpointConfig();
    if (socket !== undefined) return steeredFailpoint(socket, handler);
  }
  return noFailpoint;
}
