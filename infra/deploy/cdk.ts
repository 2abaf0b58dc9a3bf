import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cdk } from './deploy.ts';
import { CommandError } from './finding.ts';

/** The CLI of this project, whatever else is installed. */
export function projectCdk(root: string, region: string): Cdk {
  const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const command = join(root, 'node_modules', '.bin', 'cdk');
  const environment = { ...process.env, AWS_REGION: region, AWS_DEFAULT_REGION: region, CDK_DEFAULT_REGION: region };
  const start = (words: readonly string[], output: 'inherit' | 'pipe') =>
    spawn(command, [...words], { cwd: root, env: environment, stdio: ['inherit', output, 'inherit'] });
  return {
    pinned: devDependencies['aws-cdk'] ?? '',
    async version() {
      const child = start(['--version'], 'pipe');
      let output = '';
      child.stdout?.on('data', (bytes: Buffer) => {
        output += bytes.toString();
      });
      await once(child, 'close').catch(() => {
        throw new CommandError('The CDK CLI is not installed: run npm ci.');
      });
      return output;
    },
    async run(words) {
      const [status] = (await once(start(words, 'inherit'), 'close')) as [number | null];
      if (status !== 0) throw new CommandError(`cdk ${words.join(' ')} ended with ${status}: its words above say why.`);
    },
  };
}
