import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

export interface MarkdownFile {
  /** Path below the root, with slashes. */
  readonly name: string;
  readonly content: string;
}

/** What a terminal showed: the demo's own picture in the README would answer the questions that it shows. */
const terminalOutput = /^```console\n[\s\S]*?^```$/gm;

/** `README.md` and everything below `docs/` that is Markdown, in the order of their names, without what a terminal showed. */
export function markdownFiles(root: string): readonly MarkdownFile[] {
  const docs = join(root, 'docs');
  const below = existsSync(docs)
    ? readdirSync(docs, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
        .map((entry) => join(entry.parentPath, entry.name))
    : [];
  return [join(root, 'README.md'), ...below.sort()].filter(existsSync).map((path) => ({
    name: relative(root, path).split(sep).join('/'),
    content: readFileSync(path, 'utf8').replace(terminalOutput, ''),
  }));
}
