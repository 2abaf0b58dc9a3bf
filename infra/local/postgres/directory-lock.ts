import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Another process works with the directory. */
export class DirectoryInUseError extends Error {
  override name = 'DirectoryInUseError';
}

export interface DirectoryLock {
  release(): void;
}

interface Owner {
  readonly pid: number;
  /** With the process id, what tells a process from a later one of the same number. */
  readonly started: string;
}

const LOCK_FILE = 'lock.json';
const RETRY_MILLISECONDS = 50;

/**
 * Takes a directory for this process. The lock is a file that names its owner, so one left behind by a killed process
 * counts for nothing. Waits up to `patience` milliseconds, for an owner may just be closing.
 */
export async function lockDirectory(directory: string, patience = 3_000): Promise<DirectoryLock> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, LOCK_FILE);
  const deadline = Date.now() + patience;
  for (;;) {
    const owner = tryLock(path);
    if (!owner) return { release: () => rmSync(path, { force: true }) };
    if (Date.now() >= deadline) {
      throw new DirectoryInUseError(
        `${directory} is in use by process ${owner.pid}: stop it, or choose another directory with LOCAL_DATA_DIR`,
      );
    }
    await sleep(RETRY_MILLISECONDS);
  }
}

/** Takes the lock, or gives its living owner. */
function tryLock(path: string): Owner | undefined {
  const mine = `${path}.${randomUUID()}`;
  writeFileSync(mine, JSON.stringify({ pid: process.pid, started: startOf(process.pid) ?? '' } satisfies Owner));
  try {
    for (;;) {
      if (link(mine, path)) return undefined;
      const owner = readOwner(path);
      if (owner && isAlive(owner)) return owner;
      if (owner) removeStale(path, owner);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

/** Makes `path` a name of the file, whole and at once; false when the name is taken. */
function link(file: string, path: string): boolean {
  try {
    linkSync(file, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Owner;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Moves the dead owner's file away; puts it back if another process was quicker and the file is that one's. */
function removeStale(path: string, stale: Owner): void {
  const aside = `${path}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = readOwner(aside);
  if (moved && (moved.pid !== stale.pid || moved.started !== stale.started)) link(aside, path);
  rmSync(aside, { force: true });
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const started = startOf(owner.pid);
  return started !== undefined && started === owner.started;
}

/** When a process started, in a form that only compares; undefined when there is no such process. */
function startOf(pid: number): string | undefined {
  if (process.platform !== 'linux') {
    try {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    } catch {
      return undefined; // ps exits with 1 when the process is gone
    }
  }
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in brackets and may hold blanks; the start time is the 20th after it. A zombie is dead.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : `${boot} ${fields[19]}`;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
