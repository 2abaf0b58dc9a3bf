import { type Failpoint, noFailpoint } from '../../shared/core/failpoint.ts';
import { steeredFailpoint } from './steered-failpoint.ts';

/** Replaced when the bundle is made: true only in that of the `test` stage. All others lose what stands behind it. */
declare const ACTING_FAILPOINTS: boolean;

/** The failpoint of this bundle: one that whoever runs the tests steers, or one that does nothing. */
export function createFailpoint(): Failpoint {
  if (typeof ACTING_FAILPOINTS !== 'undefined' && ACTING_FAILPOINTS) {
    const { FAILPOINT_SOCKET: path, _HANDLER: handler = '' } = process.env;
    if (path !== undefined) return steeredFailpoint(path, handler);
  }
  return noFailpoint;
}
