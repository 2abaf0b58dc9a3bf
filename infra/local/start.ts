/** `npm start`: the local stage, synthesised and run on this machine. `--help` says what it can be told. */
import { accessSync, constants, createWriteStream, existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { environmentNames as names } from '../../shared/core/env-names.ts';
import { type LocalCloud, startLocalCloud } from './cloud.ts';
import { assemblyOf } from './start/assembly-cache.ts';
import { banner } from './start/banner.ts';
import { help, readWords, UsageError } from './start/command-line.ts';
import { firstWorkspace } from './start/first-workspace.ts';
import { describeCloud, readLocalFile, writeLocalFile } from './start/local-file.ts';
import { readSettings, SettingError, type StartSettings } from './start/settings.ts';
import { Timings } from './start/timings.ts';

const stageName = 'local';
/** The first start takes several times as long as the others, and would look as if it hung. */
const synthesisNotice = 'Synthesising the templates, as the first start after a change of the sources does …\n';
/** Whatever does not end by itself in this time after Ctrl-C is left to the operating system. */
const longestShutdownMilliseconds = 2_900;
/** Whose message says all there is to know; of others the stack is shown. */
const knownErrors: ReadonlySet<string> = new Set([
  'UsageError',
  'SettingError',
  'DirectoryInUseError',
  'AssemblyError',
]);

async function start(settings: StartSettings, timings: Timings): Promise<LocalCloud> {
  const { dataDirectory, databaseUrl, redisUrl, apiKey, modelBaseUrl: baseUrl, concurrency } = settings;
  const usesRealModels = apiKey !== undefined || baseUrl !== undefined;
  const chatModel = usesRealModels ? settings.chatModel : 'offline';
  await requireFreePort(settings.port);
  process.stdout.write('dbrag is starting …\n');
  makeDirectory(dataDirectory);
  const logFile = join(dataDirectory, 'local.log');
  // Appended to: a start that is refused because another one runs must not take that one's log away.
  const log = createWriteStream(logFile, { mode: 0o600, flags: 'a' });
  const cloud = await startLocalCloud({
    assemblyDirectory: () => assemblyOf(stageName, () => process.stdout.write(synthesisNotice)),
    dataDirectory,
    port: settings.port,
    databaseUrl,
    redisUrl,
    models: { apiKey, baseUrl },
    // Another server need not have the stage's choices.
    environment: chatModel === undefined ? {} : { [names.chatModel]: chatModel, [names.chatModelChoices]: '[]' },
    concurrency,
    log: (line) => log.write(`${line}\n`),
    onFunctionLine: (name, line) => log.write(`${name}: ${line}\n`),
    onPhase: (phase) => timings.ended(phase),
  });
  const workspace = await firstWorkspace(cloud.url, cloud.operatorKey, readLocalFile(dataDirectory));
  const file = describeCloud(cloud, workspace);
  writeLocalFile(dataDirectory, file);
  timings.ended('workspace');
  process.stdout.write(banner(file, usesRealModels, logFile, performance.now() / 1_000));
  return cloud;
}

function makeDirectory(path: string): void {
  try {
    // One below the other: told to make all of them, Node never comes back from a place like /proc.
    const missing: string[] = [];
    for (let at = path; !existsSync(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at);
    for (const directory of missing) mkdirSync(directory, { mode: 0o700 });
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new SettingError(`LOCAL_DATA_DIR must be a directory that can be written: ${(error as Error).message}`);
  }
}

/** Said before anything is started, not after ten seconds. */
function requireFreePort(port: number): Promise<void> {
  const probe = createServer();
  return new Promise((resolve, reject) => {
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        taken
          ? new SettingError(
              `Port ${port} is taken. PORT=3001 npm start takes another one; a second instance needs a LOCAL_DATA_DIR of its own too.`,
            )
          : error,
      );
    });
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}

/** Gives whether a signal has come. */
function endOnSignal(running: Promise<LocalCloud>): () => boolean {
  let ending = false;
  const end = (): void => {
    // Whoever presses Ctrl-C again does not want to wait.
    if (ending) process.exit(130);
    ending = true;
    setTimeout(() => process.exit(1), longestShutdownMilliseconds).unref();
    running
      .then((cloud) => cloud.close())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  process.on('SIGINT', end);
  process.on('SIGTERM', end);
  return () => ending;
}

async function main(): Promise<void> {
  const words = readWords(process.argv.slice(2));
  if (words.help) {
    process.stdout.write(help);
    return;
  }
  const timings = new Timings();
  const running = start(readSettings(process.env), timings);
  const isEnding = endOnSignal(running);
  const cloud = await running;
  if (words.timings) process.stdout.write(`${timings.table()}\n`);
  const code = await cloud.database.exited;
  if (isEnding()) return;
  process.stderr.write(`The local Postgres ended by itself (exit status ${code}); everything stops.\n`);
  await cloud.close();
  process.exitCode = 1;
}

main().catch((error: unknown) => {
  const known = error instanceof Error && knownErrors.has(error.name);
  process.stderr.write(`\n${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(error instanceof UsageError ? 2 : 1);
});
