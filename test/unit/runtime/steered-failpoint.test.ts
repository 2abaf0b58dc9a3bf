import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFailpoint } from '../../../functions/runtime/failpoint.ts';
import { steeredFailpoint } from '../../../functions/runtime/steered-failpoint.ts';
import { noFailpoint } from '../../../shared/core/failpoint.ts';
import { FailpointControl } from '../../faults/failpoint-control.ts';

let directory: string;
let control: FailpointControl;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dbrag-failpoint-'));
  control = await FailpointControl.listen(join(directory, 'failpoints.sock'));
});
afterEach(async () => {
  await control.close();
  rmSync(directory, { recursive: true });
});

describe('a failpoint', () => {
  const failpoint = () => steeredFailpoint(control.path, 'queue/ingest-document.handler');

  it('passes where nothing is armed, and is counted', async () => {
    await failpoint().reach('a');
    await failpoint().reach('a');
    expect(control.passes.get('a')).toBe(2);
  });

  it('is struck at the passes that were chosen, over all processes', async () => {
    const armed = control.arm({ name: 'a', handler: 'queue/', action: 'throw', passes: [2] });
    const [one, other] = [failpoint(), failpoint()];
    await one.reach('a');
    await one.reach('b');
    await expect(other.reach('a')).rejects.toThrow('Failpoint a');
    await one.reach('a');
    expect(armed).toMatchObject({ passed: 3, struck: 1 });
  });

  it('is struck for one document, of one function', async () => {
    control.arm({ name: 'a', about: 'doc', action: 'throw', passes: 'all' });
    control.arm({ name: 'a', handler: 'http/', action: 'throw', passes: 'all' });
    await failpoint().reach('a', 'other');
    await expect(failpoint().reach('a', 'doc')).rejects.toThrow();
  });

  it('holds until it is released', async () => {
    const armed = control.arm({ name: 'a', action: 'hold', passes: [1] });
    let passed = false;
    const reaching = failpoint()
      .reach('a')
      .then(() => {
        passed = true;
      });
    await armed.reached;
    expect(passed).toBe(false);
    control.clear();
    await reaching;
  });

  it('passes when nobody is at the other end, and when whoever was there has gone', async () => {
    await steeredFailpoint(join(directory, 'nobody.sock'), 'x').reach('a');
    const open = failpoint();
    await open.reach('a');
    await control.close();
    await open.reach('a');
    control = await FailpointControl.listen(control.path);
  });

  it('does nothing where the code was not made for tests', () => {
    expect(createFailpoint()).toBe(noFailpoint);
  });
});
