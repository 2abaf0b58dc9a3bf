import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../../../infra/deploy/command-line.ts';
import { small } from '../../../infra/stages.ts';

describe('a command line', () => {
  const read = (...words: string[]) => readCommandLine('deploy', words, { AWS_REGION: 'eu-west-1' });

  it('names a stage and a place', async () => {
    expect(await read('small')).toMatchObject({ stage: small, region: 'eu-west-1', yes: false });
    expect(await read('small', '--region', 'us-east-2', '--yes')).toMatchObject({ region: 'us-east-2', yes: true });
    expect((await read('local')).region).toBeUndefined();
    expect(await read('example')).toMatchObject({ stage: { name: 'example' }, region: 'eu-central-1' });
  });

  it.each([
    [[], 'Name a stage: npm run deploy -- small'],
    [['my', 'stage'], '"my stage" cannot be the name of a stage: use 1 to 20 lower-case letters'],
    [['my stage'], '"my stage" cannot be the name of a stage'],
    [['../small'], 'cannot be the name of a stage'],
    [['staging'], 'write its settings to stages/staging.ts.'],
    [['small', '--region', 'mars-north-1'], '"mars-north-1" is not known to be one'],
    [['example', '--region', 'us-east-1'], 'operations.region is eu-central-1'],
    [['small', '--force'], 'Usage: npm run deploy -- <stage>'],
  ] as const)('%j is refused with a sentence', async (words, sentence) => {
    await expect(read(...words)).rejects.toThrow(sentence);
  });

  it('asks for a region where none is known', async () => {
    await expect(readCommandLine('deploy', ['small'], {})).rejects.toThrow(
      'Say where: npm run deploy -- small --region',
    );
  });
});
