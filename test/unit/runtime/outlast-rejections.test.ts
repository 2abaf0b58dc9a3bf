import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { environmentNames as names } from '../../../shared/core/env-names.ts';

const file = fileURLToPath(new URL('../../support/stray-rejection.ts', import.meta.url));
const environment = {
  [names.stage]: 'test',
  [names.databaseHost]: '127.0.0.1',
  [names.databaseName]: 'none',
  [names.databaseSecret]: 'none',
  [names.databaseTls]: 'off',
  [names.networkRules]: '{}',
};

/** In a process of its own: in this one, a rejection that strays fails the run. */
it('the process of every kind of function tells of a rejection that nobody waited for, and goes on', async () => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file], {
    env: environment as unknown as NodeJS.ProcessEnv,
  });
  for (const kind of ['http', 'stream', 'queue', 'batch', 'partial batch', 'invoke']) {
    expect(stdout).toContain(`${kind} went on`);
    expect(stderr).toMatch(new RegExp(`something failed that nobody waited for.*strayed from ${kind}`));
  }
});
