import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { lockedPackages, readLockedPackages } from '../../../scripts/locked-packages.ts';
import { refusedPackages } from '../../../scripts/permitted-licences.ts';

const lockOf = (path: string) =>
  readLockedPackages(fileURLToPath(new URL(`../../../${path}/package-lock.json`, import.meta.url)));

describe('licences', () => {
  it.each(['.', 'test/bench/peers'])('of everything that is locked in %s are permitted', (path) => {
    const packages = lockOf(path);
    expect(packages.length).toBeGreaterThan(30);
    const ofPeers = path !== '.';
    expect(refusedPackages(packages.map((each) => ({ ...each, development: each.development || ofPeers })))).toEqual(
      [],
    );
  });

  it.each(['GPL-3.0-only', 'AGPL-3.0-or-later', 'LGPL-3.0', 'MIT AND GPL-2.0', 'SSPL-1.0', 'UNLICENSED', undefined])(
    'that are %s are refused, whatever the package is for',
    (licence) => {
      for (const development of [false, true]) {
        const package_ = { name: 'some', version: '1.0.0', licence, development };
        expect(refusedPackages([package_])).toEqual([package_]);
      }
    },
  );

  it('of a file alone are permitted to tools, and to nothing that is deployed', () => {
    const tool = { name: 'tool', version: '1.0.0', licence: 'MPL-2.0', development: true };
    const deployed = { ...tool, development: false };
    expect(refusedPackages([tool, deployed])).toEqual([deployed]);
  });

  it('are read for nested packages, and a package is deployed if it is so anywhere', () => {
    const packages = lockedPackages({
      packages: {
        '': { version: '0.0.0', license: 'GPL-3.0-only' },
        'node_modules/@scope/one': { version: '1.0.0', license: 'MIT', dev: true },
        'node_modules/two/node_modules/@scope/one': { version: '1.0.0', license: 'MIT' },
        'node_modules/two': { version: '2.0.0' },
      },
    });
    expect(packages).toEqual([
      { name: '@scope/one', version: '1.0.0', licence: 'MIT', development: false },
      { name: 'two', version: '2.0.0', licence: undefined, development: false },
    ]);
  });
});
