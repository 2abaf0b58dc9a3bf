import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readAssembly } from '../../infra/local/assembly/read-assembly.ts';
import { compareRights } from '../../infra/local/iam/compare-rights.ts';
import { type NamedRights, namedGrants, rolesWithout } from '../../infra/local/iam/name-rights.ts';
import { type RightsByTest, rightsIn } from '../support/record-rights.ts';
import { compose } from './synthesise.ts';
import { unseenRights } from './unseen-rights.ts';

/** Written by `npm run iam:diff -- --write` from what the local IAM allowed while the tests of the whole system ran. */
const record = JSON.parse(readFileSync(new URL('./used-rights.json', import.meta.url), 'utf8')) as RightsByTest;
const used = rightsIn(record);
const directory = mkdtempSync(join(tmpdir(), 'dbrag-rights-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function grantsOf(stage: string): NamedRights {
  const app = compose(stage, join(directory, stage));
  return namedGrants(readAssembly(app.synth().directory));
}

/** On one machine the cache asks for no password, and a function that is rolled out bit by bit is called by its alias. */
const cacheLogin = 'secretsmanager:GetSecretValue on CredentialsCacheSecret';
const withoutAlias = (right: string): string => right.replace(/^(lambda:InvokeFunction on \w+):live$/, '$1');

/** Those of functions of ours, as every stage has them. */
const ours = (rights: NamedRights): NamedRights =>
  Object.fromEntries(
    Object.entries(rights)
      .filter(([role]) => /^(http|queue|invoke|deploy)\//.test(role))
      .map(([role, held]) => [role, held.filter((right) => right !== cacheLogin).map(withoutAlias)]),
  );

describe('rights of functions', () => {
  const granted = grantsOf('local');

  it('are those that the tests of the whole system use, or are listed with a reason; none is lacking, none is given twice', () => {
    expect(compareRights(granted, used, unseenRights)).toEqual({
      unused: [],
      missing: [],
      idleReasons: [],
      doubled: [],
    });
  });

  it.each(['small', 'standard', 'production'])('are the same in %s', (stage) => {
    expect(ours(grantsOf(stage))).toEqual(ours(granted));
  });

  it('lack something as soon as any of them that is used is taken away', () => {
    const held = Object.entries(used).flatMap(([role, rights]) => rights.map((right) => [role, right] as const));
    expect(held.length).toBeGreaterThan(100);
    for (const [role, right] of held) {
      const without = { ...granted, [role]: (granted[role] ?? []).filter((one) => one !== right) };
      expect(compareRights(without, used, unseenRights).missing).toEqual([`${role}: ${right}`]);
    }
  });

  it('name the tests that used each, which are there', () => {
    const root = join(import.meta.dirname, '..', '..');
    const tests = Object.values(record).flatMap((rights) => Object.values(rights));
    expect(tests.filter((of) => of.length === 0)).toEqual([]);
    const files = new Set(tests.flat().map((test) => test.split(' > ')[0] as string));
    for (const file of files) expect(existsSync(join(root, file)), file).toBe(true);
    // A title of `it.each` is made of its values: of these the words before the first are looked for.
    const sources = readdirSync(join(root, 'test', 'integration'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(join(root, 'test', 'integration', file), 'utf8'))
      .join('\n');
    const titles = new Set(tests.flat().flatMap((test) => test.split(' > ').slice(2)));
    const begin = (title: string): string => title.split(' ').slice(0, 2).join(' ');
    expect([...titles].filter((title) => !sources.includes(title) && !sources.includes(begin(title)))).toEqual([]);
  });

  it('are taken away one by one from the system that the tests run, as `npm run iam:prove` does', () => {
    const assembly = readAssembly(compose('test', join(directory, 'test')).synth().directory);
    const right = 'sqs:SendMessage on QueuesmaintenanceQueue';
    const line = `http/api: ${right}`;
    const before = namedGrants(assembly);
    const after = namedGrants({ ...assembly, roles: rolesWithout(assembly, line) });
    expect(before['http/api']).toContain(right);
    expect(after).toEqual({ ...before, 'http/api': before['http/api']?.filter((one) => one !== right) });
    expect(() => rolesWithout(assembly, 'http/api: s3:Everything on *')).toThrow('No role has the right');
  });

  it('are too many as soon as one is given that nobody uses', () => {
    const more = { ...granted, 'http/api': [...(granted['http/api'] ?? []), 'sqs:PurgeQueue on QueuesuploadsQueue'] };
    expect(compareRights(more, used, unseenRights).unused).toEqual(['http/api: sqs:PurgeQueue on QueuesuploadsQueue']);
  });
});
