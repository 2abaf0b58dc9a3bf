import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockDirectory } from '../postgres/directory-lock.ts';

/** State of the local cloud that survives a restart. */
export interface CloudState {
  /** 32 random bytes, hexadecimal: access keys and the password of the superuser are derived from them. */
  readonly rootKey: string;
  /** Server → port of the last start. */
  readonly ports: Readonly<Record<string, number>>;
  /** Custom resource → what CloudFormation would remember of it. */
  readonly customResources: Readonly<Record<string, CustomResourceState>>;
}

export interface CustomResourceState {
  readonly physicalId: string;
  readonly properties: Readonly<Record<string, unknown>>;
}

export interface DataDirectory {
  readonly path: string;
  readonly state: CloudState;
  /** A directory inside, made when missing. */
  directory(name: string): string;
  /** Remembers, durably, in place of what was before. */
  remember(changes: Partial<CloudState>): void;
  release(): void;
}

const stateFile = 'cloud.json';

/** Takes `path` for this process. Rejects with `DirectoryInUseError` when another start works with it. */
export async function openDataDirectory(path: string): Promise<DataDirectory> {
  const lock = await lockDirectory(path);
  let state = readState(join(path, stateFile));
  const remember = (changes: Partial<CloudState>): void => {
    state = { ...state, ...changes };
    const file = join(path, stateFile);
    writeFileSync(`${file}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  };
  remember({});
  return {
    path,
    get state() {
      return state;
    },
    directory(name) {
      const directory = join(path, name);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      return directory;
    },
    remember,
    release: () => lock.release(),
  };
}

function readState(file: string): CloudState {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as CloudState;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { rootKey: randomBytes(32).toString('hex'), ports: {}, customResources: {} };
  }
}
