import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
/** Whatever an assembly is made of: handlers, what they import, stacks, pinned packages, what is put beside the handlers. */
const sources = ['functions', 'shared', 'infra', 'docs/openapi.json', 'package.json', 'package-lock.json'];
/** The local cloud reads assemblies and is in none. */
const notSources = ['infra/local'];
const keptAssemblies = 3;
/** A cloud that runs still starts functions from its assembly. */
const keptMilliseconds = 24 * 3_600_000;

/**
 * The assembly of a stage, synthesised unless the same sources were before. Rejects with what the synthesis printed.
 * Lies in `.build/assembly/<stage>-<hash of the sources>`.
 * @param onSynthesis called before a synthesis, which takes seconds
 */
export async function assemblyOf(stage: string, onSynthesis: () => void = () => {}): Promise<string> {
  const parent = join(root, '.build', 'assembly');
  const name = `${stage}-${hashOfSources().slice(0, 16)}`;
  const directory = join(parent, name);
  if (existsSync(join(directory, 'manifest.json'))) {
    const now = new Date();
    utimesSync(directory, now, now);
    return directory;
  }
  onSynthesis();
  const unfinished = join(parent, `unfinished-${name}-${process.pid}`);
  const synthesised = join(unfinished, 'assembly');
  try {
    await synthesise(stage, join(unfinished, 'bundle'), synthesised);
    // Whoever was quicker has made the same.
    if (!existsSync(directory)) renameSync(synthesised, directory);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  removeOldest(parent, stage);
  return directory;
}

function synthesise(stage: string, bundleDirectory: string, outputDirectory: string): Promise<void> {
  const script = fileURLToPath(new URL('./synthesise.ts', import.meta.url));
  const child = spawn(process.execPath, [script, stage, bundleDirectory, outputDirectory], {
    cwd: root,
    // It ends when its standard input does, and that ends with this process.
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const printed: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => printed.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`The stacks could not be synthesised:\n${Buffer.concat(printed).toString()}`));
    });
  });
}

/** Of names and contents, in a fixed order. */
function hashOfSources(): string {
  const hash = createHash('sha256').update(process.version);
  for (const file of sources.flatMap((source) => filesOf(join(root, source)))) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesOf(path: string): readonly string[] {
  if (!existsSync(path) || notSources.includes(relative(root, path))) return [];
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesOf(join(path, name)));
}

function removeOldest(parent: string, stage: string): void {
  const used = (name: string): number => statSync(join(parent, name)).mtimeMs;
  const assemblies = readdirSync(parent).filter((name) => name.startsWith(`${stage}-`));
  const oldest = assemblies.sort((one, other) => used(other) - used(one)).slice(keptAssemblies);
  const unused = oldest.filter((name) => Date.now() - used(name) > keptMilliseconds);
  for (const name of unused) rmSync(join(parent, name), { recursive: true, force: true });
}
