import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineStage } from '../define-stage.ts';
import type { StageSettings } from '../stage-settings.ts';
import { CommandError } from './finding.ts';

/** Asks a person one thing. @returns what was typed, without blanks around it; empty for the default */
export type Ask = (question: string) => Promise<string>;

export interface ConfigureOptions {
  readonly ask: Ask;
  readonly print: (line: string) => void;
  /** The stages that one may go out from. */
  readonly bases: Readonly<Record<string, StageSettings>>;
  /** Where stages of one's own are. */
  readonly directory: string;
}

type Room = 'operations' | 'database' | 'models' | 'api';
/** The differences, by section and member. */
type Changes = Readonly<Partial<Record<Room, Readonly<Record<string, unknown>>>>>;

/** The questions besides the name and the base stage: the setting each belongs to, and how its input becomes a value. */
interface Question {
  readonly words: string;
  readonly path: readonly [Room, string];
  readonly read: (typed: string) => unknown;
}

const orNull = (typed: string): string | null => (typed === 'none' ? null : typed);
const list = (typed: string): string[] =>
  typed === 'none'
    ? []
    : typed
        .split(',')
        .map((one) => one.trim())
        .filter((one) => one !== '');
const oneOf =
  (values: Readonly<Record<string, unknown>>) =>
  (typed: string): unknown => {
    if (Object.hasOwn(values, typed)) return values[typed];
    throw new Error(`Answer ${Object.keys(values).join(' or ')}.`);
  };

const questions: readonly Question[] = [
  { words: 'Region (none: where the credentials point to)', path: ['operations', 'region'], read: orNull },
  { words: 'E-mail for alarms (none)', path: ['operations', 'alarmEmail'], read: orNull },
  {
    words: 'What becomes of data when the stage is destroyed (keep, destroy)',
    path: ['operations', 'dataOnRemoval'],
    read: oneOf({ keep: 'keep', destroy: 'destroy' }),
  },
  {
    words: 'Protect the stacks from being deleted (yes, no)',
    path: ['operations', 'terminationProtection'],
    read: oneOf({ yes: true, no: false }),
  },
  { words: 'Days for which backups are kept (1 to 35)', path: ['database', 'backupDays'], read: Number },
  { words: 'URL of an OpenAI-compatible model server (none: OpenAI)', path: ['models', 'baseUrl'], read: orNull },
  { words: 'Chat model', path: ['models', 'chatModel'], read: String },
  { words: 'Origins of web pages that may call the API, by commas (none)', path: ['api', 'corsOrigins'], read: list },
];

/**
 * Asks for the settings of a stage, checks each as it is typed, and writes its file. An existing file is never overwritten.
 * @returns the path of the file
 * @throws CommandError when no answer comes any more
 */
export async function configure({ ask, print, bases, directory }: ConfigureOptions): Promise<string> {
  const until = <T>(question: string, take: (typed: string) => T) => askUntil(ask, print, question, take);
  const name = await until('Name of the stage', (typed) => {
    stageOf(typed, Object.values(bases)[0] as StageSettings, {});
    if (existsSync(join(directory, `${typed}.ts`)))
      throw new Error(`stages/${typed}.ts is there: edit it, or take another name.`);
    if (Object.hasOwn(bases, typed)) throw new Error(`"${typed}" is a stage of the project: take another name.`);
    return typed;
  });
  const from = await until(`Go out from (${Object.keys(bases).join(', ')}) [small]`, (typed) => {
    if (!Object.hasOwn(bases, typed || 'small')) throw new Error(`Choose one of ${Object.keys(bases).join(', ')}.`);
    return typed || 'small';
  });
  const base = bases[from] as StageSettings;
  let changes: Changes = {};
  for (const { words, path, read } of questions) {
    const [room, member] = path;
    const now = (base[room] as unknown as Readonly<Record<string, unknown>>)[member];
    changes = await until(`${words} [${shown(now)}]`, (typed) => {
      if (typed === '') return changes;
      const changed = { ...changes, [room]: { ...changes[room], [member]: read(typed) } };
      stageOf(name, base, changed);
      return changed;
    });
  }
  mkdirSync(directory, { recursive: true });
  return write(join(directory, `${name}.ts`), stageSource(name, from, changes));
}

/** @throws Error with one sentence */
function stageOf(name: string, base: StageSettings, changes: Changes): StageSettings {
  const rooms = Object.entries(changes).map(([room, members]) => [room, { ...base[room as Room], ...members }]);
  return defineStage({ ...base, name, ...Object.fromEntries(rooms) });
}

/** The file as a person would write it. */
export function stageSource(name: string, from: string, changes: Changes): string {
  const rooms = Object.entries(changes).map(
    ([room, members]) =>
      `  ${room}: { ...${from}.${room}, ${Object.entries(members ?? {})
        .map(([member, value]) => `${member}: ${literal(value)}`)
        .join(', ')} },`,
  );
  return [
    `import { defineStage } from '../infra/define-stage.ts';`,
    `import { ${from} } from '../infra/stages.ts';`,
    '',
    'export default defineStage({',
    `  ...${from},`,
    `  name: ${literal(name)},`,
    ...rooms,
    '});',
    '',
  ].join('\n');
}

function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  // JSON's escapes are those of a string of TypeScript.
  return typeof value === 'string' && !/['\\]|[^ -~]/.test(value) ? `'${value}'` : JSON.stringify(value);
}

/** Written aside and renamed, so that nobody finds half of it. */
function write(path: string, source: string): string {
  writeFileSync(`${path}.new`, source);
  renameSync(`${path}.new`, path);
  return path;
}

const patience = 5;

/** Asks again while the answer is refused, with the reason. */
async function askUntil<T>(
  ask: Ask,
  print: (line: string) => void,
  question: string,
  take: (typed: string) => T,
): Promise<T> {
  for (let time = 1; time <= patience; time += 1) {
    const typed = await ask(`${question}: `);
    try {
      return take(typed);
    } catch (error) {
      print((error as Error).message);
    }
  }
  throw new CommandError('No file was written: the answers were refused five times.');
}

function shown(value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return 'none';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return Array.isArray(value) ? value.join(', ') : String(value);
}
