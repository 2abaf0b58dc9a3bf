import { readFileSync } from 'node:fs';

/** A package as a lock file names it. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** As the package says it; undefined where it says nothing. */
  readonly licence: string | undefined;
  /** Only for building, testing and looking at: never part of what is deployed. */
  readonly development: boolean;
}

interface Lock {
  readonly packages: Readonly<Record<string, { version?: string; license?: string; dev?: boolean; link?: boolean }>>;
}

/** Lock files of npm (version 3), read without the packages themselves; each package and version once, by name. */
export function readLockedPackages(file: string): LockedPackage[] {
  return lockedPackages(JSON.parse(readFileSync(file, 'utf8')) as Lock);
}

export function lockedPackages({ packages }: Lock): LockedPackage[] {
  const found = new Map<string, LockedPackage>();
  for (const [path, { version, license, dev = false, link }] of Object.entries(packages)) {
    if (path === '' || link || version === undefined) continue;
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    const key = `${name}@${version}`;
    const development = dev && (found.get(key)?.development ?? true);
    found.set(key, { name, version, licence: license, development });
  }
  return [...found.values()].sort((left, right) => left.name.localeCompare(right.name, 'en'));
}
