import { expect, it } from 'vitest';
import type { LocalCloud } from '../../../infra/local/cloud.ts';
import { lastTest } from '../../support/record-rights.ts';

/** The last of every file with a system: whatever a test did not notice, since somebody tried again, is noticed here. */
export function rightsSuite(cloud: () => Pick<LocalCloud, 'aws'>): void {
  it(lastTest, () => {
    expect(cloud().aws.iam.denied()).toEqual([]);
  });
}
