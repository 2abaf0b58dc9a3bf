import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { faultyBlocks } from '../../docs/check-blocks.ts';
import { missingReferences } from '../../docs/check-references.ts';
import { allDocuments } from '../../docs/documents.ts';
import { npmCommands, readDocument } from '../../docs/read-document.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const documents = allDocuments(root);

describe('documents', () => {
  it('are found', () => expect(documents.map(({ path }) => path)).toEqual(expect.arrayContaining(['README.md'])));

  it('name only what is there', () => {
    expect(documents.flatMap((document) => missingReferences(root, document))).toEqual([]);
  });

  it('say of every block of commands how it is tried', () => {
    expect(documents.flatMap((document) => faultyBlocks(root, document))).toEqual([]);
  });
});

describe('what is wrong with a document', () => {
  const faultsOf = (text: string) => {
    const document = readDocument('docs/invented.md', text);
    return [...missingReferences(root, document), ...faultyBlocks(root, document)];
  };

  it.each([
    ['[a](nowhere.md)', 'docs/invented.md: the link nowhere.md leads nowhere'],
    [
      '[a](../README.md#no-such-heading)',
      'docs/invented.md: the link ../README.md#no-such-heading leads to no heading',
    ],
    ['`shared/core/nothing.ts`', 'docs/invented.md: there is no shared/core/nothing.ts'],
    ['`npm run no-such-script`', 'docs/invented.md: there is no npm run no-such-script'],
    ['`npm run test:faults -- --wrong 3`', 'docs/invented.md: npm run test:faults knows no --wrong'],
    ['```sh\nnpm test\n```', 'docs/invented.md:2: no mark says how it is tried'],
    ['<!-- docs: elsewhere -->\n```sh\nls\n```', 'docs/invented.md:3: no reason says why it is not run'],
    ['<!-- docs: ci -->\n```sh\nnpm run demo\n```', 'docs/invented.md:3: .ci/run does not run npm run demo'],
  ])('%j', (text, fault) => expect(faultsOf(text)).toEqual([fault]));

  it('is said by the shell where it could not read a block', () => {
    expect(faultsOf('<!-- docs: run -->\n```sh\necho "\n```')).toEqual([
      expect.stringContaining('docs/invented.md:3: bash'),
    ]);
  });

  it('is nothing where all is there', () => {
    expect(faultsOf('[a](../README.md#tests) `shared/core/ids.ts` `npm run test:faults -- --seed 1`')).toEqual([]);
  });
});

it('options end with the command', () => {
  expect(npmCommands('`npm run a -- --one 1` and npm test --silent -- --two; npm run b --three')).toEqual([
    { name: 'a', options: ['one'] },
    { name: 'test', options: ['silent', 'two'] },
    { name: 'b', options: ['three'] },
  ]);
});

it('a colon behind a command is no part of its name', () => {
  expect(npmCommands('![npm run bench:split: figures](split.svg)')).toEqual([{ name: 'bench:split', options: [] }]);
});
