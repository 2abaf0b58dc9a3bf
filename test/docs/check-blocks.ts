import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Document } from './read-document.ts';

/** Blocks without a mark, marks that give no reason, blocks that no shell could read, and `ci` blocks that CI does not run. */
export function faultyBlocks(root: string, { path, blocks }: Document): string[] {
  const ci = readFileSync(join(root, '.ci', 'run'), 'utf8');
  return blocks.flatMap(({ line, text, way, reason }) => {
    const at = `${path}:${line}`;
    if (way === undefined) return [`${at}: no mark says how it is tried`];
    if (way === 'elsewhere' && reason === '') return [`${at}: no reason says why it is not run`];
    if (way === 'shown') return [];
    const parsed = spawnSync('bash', ['-n'], { input: text, encoding: 'utf8' });
    if (parsed.status !== 0) return [`${at}: ${parsed.stderr.trim()}`];
    if (way !== 'ci') return [];
    const commands = text.split('\n').map((command) => command.replace(/\s+#.*$/, '').trim());
    return commands
      .filter(
        (command) =>
          command !== '' && !ci.includes(command.replace('npm run ', 'npm run --silent ')) && !ci.includes(command),
      )
      .map((command) => `${at}: .ci/run does not run ${command}`);
  });
}
