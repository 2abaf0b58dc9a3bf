import type { LockedPackage } from './locked-packages.ts';

/**
 * Whole expressions, as packages write them: one that is not here was looked at by nobody, and is refused. Of those that leave a choice
 * we take the permissive side.
 */
const permitted = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'MIT-0',
  'PSF-2.0',
  'Python-2.0',
  '(AFL-2.1 OR BSD-3-Clause)',
  '(MIT AND Zlib)',
  '(MIT OR CC0-1.0)',
  '(MIT OR GPL-3.0-or-later)',
  'Apache-2.0 AND MIT',
  'MIT OR Apache-2.0',
]);

/** Copyleft of a file or a library: nothing of such a tool stands in what it makes. */
const permittedInDevelopment = new Set(['MPL-2.0']);

/** Packages that name no licence in their manifest and bring the MIT licence as a file: read at these versions, by a person. */
const readByHand = new Set([
  '@llamaindex/core@0.6.23',
  '@llamaindex/env@0.1.31',
  '@llamaindex/openai@0.4.23',
  '@llamaindex/postgres@0.0.66',
]);

/** Packages whose licence nobody has permitted, copyleft ones above all. */
export function refusedPackages(packages: readonly LockedPackage[]): LockedPackage[] {
  return packages.filter(({ name, version, licence, development }) => {
    if (licence === undefined) return !readByHand.has(`${name}@${version}`);
    return !(permitted.has(licence) || (development && permittedInDevelopment.has(licence)));
  });
}
