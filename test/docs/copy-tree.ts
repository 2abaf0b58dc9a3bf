import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What a newcomer has after `git clone`: the files that are tracked, as they stand here, and nothing else. Emptied before. */
export function copyTree(root: string, directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  const listed = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' }).split('\n');
  for (const path of listed) {
    if (path === '' || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    cpSync(join(root, path), join(directory, path));
  }
}

/** In place of `npm ci`: the packages that are installed here. */
export function linkPackages(root: string, directory: string): void {
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
}
