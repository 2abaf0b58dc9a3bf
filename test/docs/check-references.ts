import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { type Document, npmCommands } from './read-document.ts';

interface PackageFile {
  readonly scripts: Readonly<Record<string, string>>;
}

/** Options that npm and vitest take themselves. */
const optionsOfTools = new Set(['reporter', 'project', 'silent']);
/** Paths in backticks that begin with one of these are of this repository. */
const rooms = /^(?:docs|functions|infra|scripts|shared|stages|test)\/[^\s*<>{}…]+$/;

/**
 * Everything that a document names and that is not there: links, headings of other documents, files, scripts of npm and their options.
 * @returns one sentence each, with the document
 */
export function missingReferences(root: string, document: Document): string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as PackageFile;
  return [
    ...missingLinks(root, document),
    ...missingFiles(root, document),
    ...missingCommands(root, scripts, document),
  ].map((what) => `${document.path}: ${what}`);
}

function missingLinks(root: string, { path, text }: Document): string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);
  return links.flatMap((target) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [file, heading] = target.split('#') as [string, string | undefined];
    const found = file === '' ? path : normalize(join(dirname(path), file));
    if (!existsSync(join(root, found))) return [`the link ${target} leads nowhere`];
    if (heading === undefined || headings(readFileSync(join(root, found), 'utf8')).has(heading)) return [];
    return [`the link ${target} leads to no heading`];
  });
}

/** As GitHub names them. */
function headings(text: string): Set<string> {
  const titles = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) => title as string);
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replace(/\s/g, '-'),
    ),
  );
}

function missingFiles(root: string, { text }: Document): string[] {
  const named = [...text.matchAll(/`([^`\n]+)`/g)].map(([, words]) => words as string);
  return named.filter((path) => rooms.test(path) && !existsSync(join(root, path))).map((path) => `there is no ${path}`);
}

function missingCommands(root: string, scripts: PackageFile['scripts'], { text }: Document): string[] {
  return npmCommands(text).flatMap(({ name, options }) => {
    const script = scripts[name];
    if (script === undefined) return [`there is no npm run ${name}`];
    const known = sourcesOf(root, script);
    return options
      .filter((option) => !optionsOfTools.has(option) && !known.includes(option))
      .map((option) => `npm run ${name} knows no --${option}`);
  });
}

/** The files that a script starts, and what those import beside them: where its options are read. */
function sourcesOf(root: string, script: string): string {
  const files = [...script.matchAll(/[\w./-]+\.(?:ts|sh)\b/g)].map(([file]) => join(root, file));
  return files
    .filter((file) => existsSync(file))
    .map((file) => {
      const text = readFileSync(file, 'utf8');
      const imports = [...text.matchAll(/from '(\.[^']+)'/g)].map(([, path]) => join(dirname(file), path as string));
      return [text, ...imports.map((path) => readFileSync(path, 'utf8'))].join('\n');
    })
    .join('\n');
}
