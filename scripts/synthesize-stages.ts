import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Synthesises every stage with validation, through the command that a person would use; findings are errors. */
const stages = ['small', 'standard', 'production', 'local', 'test'];
const directory = mkdtempSync(join(tmpdir(), 'dbrag-synth-'));
let failed = false;
for (const stage of stages) {
  const began = performance.now();
  const run = spawnSync(
    'npx',
    ['cdk', 'synth', '--quiet', '-c', `stage=${stage}`, '--output', join(directory, stage)],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`${run.status === 0 ? 'ok    ' : 'FAILED'} ${stage} (${seconds} s)`);
  if (run.status !== 0) {
    failed = true;
    console.error(run.stdout, run.stderr);
  }
}
rmSync(directory, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
