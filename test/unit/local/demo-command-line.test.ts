import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

it('npm run demo refuses words instead of loading documents', () => {
  const program = fileURLToPath(new URL('../../../infra/local/demo/demo.ts', import.meta.url));
  const env = { ...process.env, LOCAL_DATA_DIR: '/nowhere' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, '--help'], { env, encoding: 'utf8' });
  expect({ status, stdout, stderr: stderr.trim() }).toEqual({
    status: 1,
    stdout: '',
    stderr: 'npm run demo takes no words, not "--help".',
  });
});
