/**
 * `npm run test:docs [-- --install]`: types what the documents tell a reader to type, in a copy of the tree as it comes from a clone, and fails
 * when something does not work. `--install` lets `npm ci` install; else the packages of this directory are taken. What needs an account, root or many
 * minutes is listed with the reason: it is read by a shell, and its scripts and options are looked up, as `npm test` does for all.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { faultyBlocks } from './check-blocks.ts';
import { missingReferences } from './check-references.ts';
import { copyTree, linkPackages } from './copy-tree.ts';
import { allDocuments } from './documents.ts';
import type { CommandBlock } from './read-document.ts';
import { Terminal } from './terminal.ts';

const { values } = parseArgs({ options: { install: { type: 'boolean', default: false } } });
const root = process.cwd();
const directory = join(root, '.build', 'docs', 'tree');
const documents = allDocuments(root);
const faults = documents.flatMap((document) => [...missingReferences(root, document), ...faultyBlocks(root, document)]);

copyTree(root, directory);
if (!values.install) linkPackages(root, directory);
// Any free port: what is running on this machine is left alone.
const terminal = new Terminal(directory, { ...process.env, PORT: '0' });

async function type({ text, way, reason }: CommandBlock): Promise<void> {
  const typed = values.install ? text : text.replace(/^npm ci( && |$)/m, '');
  if (way === 'run') return terminal.run(typed, reason.replace(/^says /, ''));
  const [service, ...others] = typed.split('\n') as [string, ...string[]];
  await terminal.start(service);
  await terminal.run(others.join('\n'));
}

for (const { path, blocks } of documents)
  for (const block of blocks) {
    const { line, way, reason } = block;
    const at = `${path}:${line}`;
    if (way !== 'run' && way !== 'start') {
      if (way !== 'shown') console.log(`looked up  ${at}${way === 'ci' ? ' (run by .ci/run)' : ` (${reason})`}`);
      continue;
    }
    const began = performance.now();
    const fault = await type(block).then(
      () => undefined,
      (error: Error) => `${at}: ${error.message}`,
    );
    console.log(`${fault ? 'FAILED    ' : 'ran       '} ${at} (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
    if (fault) faults.push(fault);
  }
await terminal.close();
for (const fault of faults) console.error(fault);
console.log(`${documents.length} documents, ${faults.length} faults`);
process.exit(faults.length > 0 ? 1 : 0);
