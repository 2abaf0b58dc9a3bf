import { access, cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { bundleCertificates } from './bundle-certificates.ts';
import { bundleDocumentation } from './bundle-documentation.ts';
import { httpModule } from './bundle-http-module.ts';
import { bundleSqlParser } from './bundle-sql-parser.ts';

/** Every handler, by its path below `functions/` and `.build/functions/`. */
export const handlerEntries = [
  'http/api',
  'http/stream',
  'queue/register-upload',
  'queue/ingest-document',
  'queue/embed-chunks',
  'queue/describe-table',
  'queue/maintain',
  'queue/dead-letter',
  'invoke/query-database',
  'deploy/migrate-database',
] as const;

/** Programs that handlers start as separate processes, by their path in the bundle. */
const programs: Readonly<Record<string, string>> = {
  'programs/parse-in-child': 'shared/ingestion/parse-in-child-main.ts',
};

export type HandlerEntry = (typeof handlerEntries)[number];

/** The exports of a handler's module. */
export const handlerExport = 'handler';

export interface BundleOptions {
  /** Where `functions/` and `shared/` are. */
  readonly root: string;
  /** Emptied and written; default `<root>/.build/functions`. */
  readonly outputDirectory?: string;
  /** Replaces identifiers at build time, as `--define` does. */
  readonly define?: Readonly<Record<string, string>>;
  /** External source maps beside the modules. */
  readonly sourceMaps?: boolean;
  readonly entries?: readonly string[];
  /** Controllable failpoints, for tests only. Default false, which removes them without a trace. */
  readonly actingFailpoints?: boolean;
}

/**
 * Only handlers of the same group share chunks. esbuild makes one chunk for each set of handlers and dynamic imports that share code, and each
 * chunk costs time at a cold start: in one group with all others, the HTTP functions would load half as many chunks again.
 */
const groupOf = (entry: string): string => (entry.startsWith('http/') ? 'http' : 'behind');

// Dependencies that are CommonJS inside an ES module still call `require`, `__filename` and `__dirname`.
const commonJsBanner = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __fileURLToPath } from 'node:url';",
  "import { dirname as __directoryOf } from 'node:path';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __fileURLToPath(import.meta.url);',
  'const __dirname = __directoryOf(__filename);',
].join('');

/**
 * Bundles all handlers, so that those of a group share chunks, and puts the migrations, the API description, the script that shows it
 * and the SQL parser beside them.
 * The same sources give the same bytes. The AWS SDK is bundled: it starts faster than the runtime's copy, and its version is ours.
 * @throws Error naming the handlers that do not exist
 */
export async function bundleFunctions(
  options: BundleOptions,
): Promise<{ directory: string; metafile: Pick<Metafile, 'inputs' | 'outputs'> }> {
  const { root, entries = handlerEntries } = options;
  const directory = options.outputDirectory ?? join(root, '.build', 'functions');
  await requireEntries(root, entries);
  await rm(directory, { recursive: true, force: true });
  const handlers = entries.map((entry) => ({ in: join('functions', `${entry}.ts`), out: entry }));
  const all = Object.values(Object.groupBy([...handlers, ...(await programsOf(root))], ({ out }) => groupOf(out)));
  const metafiles = await Promise.all(all.map((group = []) => bundleGroup(options, directory, group)));
  await Promise.all([
    copyData(root, directory),
    bundleCertificates(directory),
    bundleDocumentation(root, directory),
    bundleSqlParser(directory),
  ]);
  const inputs = Object.assign({}, ...metafiles.map((each) => each.inputs));
  const outputs = Object.assign({}, ...metafiles.map((each) => each.outputs));
  return { directory, metafile: { inputs, outputs } };
}

async function bundleGroup(
  { root, sourceMaps, actingFailpoints, define }: BundleOptions,
  directory: string,
  entryPoints: { in: string; out: string }[],
): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: directory,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    chunkNames: 'chunks/[name]-[hash]',
    banner: { js: commonJsBanner },
    minify: true,
    keepNames: true,
    legalComments: 'none',
    sourcemap: sourceMaps ? 'external' : false,
    define: { ACTING_FAILPOINTS: String(actingFailpoints ?? false), ...define },
    plugins: [httpModule],
    metafile: true,
    logLevel: 'warning',
  });
  return metafile;
}

async function programsOf(root: string): Promise<{ in: string; out: string }[]> {
  const all = Object.entries(programs).map(async ([out, path]) =>
    (await exists(join(root, path))) ? [{ in: path, out }] : [],
  );
  return (await Promise.all(all)).flat();
}

async function requireEntries(root: string, entries: readonly string[]): Promise<void> {
  const found = await Promise.all(entries.map((entry) => exists(join(root, 'functions', `${entry}.ts`))));
  const missing = entries.filter((_, at) => !found[at]);
  if (missing.length === 0) return;
  throw new Error(`These handlers do not exist: ${missing.map((entry) => `functions/${entry}.ts`).join(', ')}`);
}

async function copyData(root: string, directory: string): Promise<void> {
  const migrations = join(root, 'shared', 'migrations');
  if (await exists(migrations)) {
    await mkdir(join(directory, 'migrations'), { recursive: true });
    const files = (await readdir(migrations)).filter((file) => file.endsWith('.sql'));
    await Promise.all(files.map((file) => cp(join(migrations, file), join(directory, 'migrations', file))));
  }
  const description = join(root, 'docs', 'openapi.json');
  if (await exists(description)) await cp(description, join(directory, 'openapi.json'));
  const playground = join(root, 'functions', 'http', 'playground', 'index.html');
  if (await exists(playground)) await cp(playground, join(directory, 'playground', 'index.html'));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

if (import.meta.main) {
  const { metafile } = await bundleFunctions({ root: process.cwd() });
  for (const [file, { bytes }] of Object.entries(metafile.outputs)) {
    process.stdout.write(`${relative('.', file)} ${Math.ceil(bytes / 1024)} kB\n`);
  }
}
