import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Document, readDocument } from './read-document.ts';

/** Every Markdown file that stands in the repository; those that lie about untracked are nobody's. */
export function allDocuments(root: string): Document[] {
  const listed = execFileSync('git', ['ls-files', '*.md'], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\n')
    .filter((path) => path !== '' && !path.startsWith('test/'))
    .map((path) => readDocument(path, readFileSync(join(root, path), 'utf8')));
}
