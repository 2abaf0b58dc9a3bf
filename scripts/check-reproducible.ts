/**
 * `npm run check:reproducible`: builds the functions here and in a copy of the tree at another path, and compares every file. What
 * differs would be deployed anew without a change, and could not be shown to come from this source.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundleFunctions } from '../infra/bundle.ts';

/** On the same volume: packages are linked there, as copies would take minutes. */
const directory = join('.build', 'reproducible');
/** What a bundle is made of. */
const sources = ['functions', 'shared', 'docs/openapi.json', 'package.json', 'tsconfig.json'];

/** What the bundle took something from, and the script that is copied beside it. */
function packagesIn(inputs: readonly string[]): Set<string> {
  const names = inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  return new Set([...names, '@scalar/api-reference']);
}

function digests(output: string): Map<string, string> {
  const files = readdirSync(output, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(
    paths.map((path) => [path.slice(output.length + 1), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}

const root = process.cwd();
const copy = join(root, directory, 'a-tree-somewhere-else');
const outputs = [join(root, directory, 'here'), join(root, directory, 'there')] as const;
rmSync(directory, { recursive: true, force: true });
mkdirSync(join(copy, 'node_modules'), { recursive: true });
const { metafile } = await bundleFunctions({ root, outputDirectory: outputs[0] });
for (const source of sources) cpSync(source, join(copy, source), { recursive: true });
for (const name of packagesIn(Object.keys(metafile.inputs))) {
  mkdirSync(dirname(join(copy, 'node_modules', name)), { recursive: true });
  execFileSync('cp', ['-al', join('node_modules', name), join(copy, 'node_modules', name)]);
}
await bundleFunctions({ root: copy, outputDirectory: outputs[1] });
const [here, there] = [digests(outputs[0]), digests(outputs[1])];
const different = [...new Set([...here.keys(), ...there.keys()])].filter((path) => here.get(path) !== there.get(path));
for (const path of different) console.error(`differs: ${path}`);
const whole = createHash('sha256')
  .update(JSON.stringify([...here]))
  .digest('hex');
console.log(`${here.size} files, ${different.length} differ, sha256 ${whole}`);
rmSync(directory, { recursive: true, force: true });
if (different.length > 0 || here.size === 0) process.exitCode = 1;
