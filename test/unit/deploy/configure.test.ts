import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configure, stageSource } from '../../../infra/deploy/configure.ts';
import { production, small } from '../../../infra/stages.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
let directory: string;
// Beside stages/, so that the files that are written find what they import.
beforeEach(() => {
  directory = mkdtempSync(join(root, '.stages-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('configuring a stage', () => {
  const run = async (answers: readonly string[]) => {
    const waiting = [...answers];
    const printed: string[] = [];
    const path = await configure({
      ask: async () => waiting.shift() ?? '',
      print: (line) => printed.push(line),
      bases: { small, production },
      directory,
    });
    const { default: stage } = await import(pathToFileURL(path).href);
    return { source: readFileSync(path, 'utf8'), stage, printed };
  };

  it('asks, checks each answer when it is typed, and writes a file that is that stage', async () => {
    const { source, stage, printed } = await run([
      'my stage',
      'small',
      'acme',
      'enormous',
      'production',
      'mars-north-1',
      'eu-central-1',
      'nobody',
      "o'neill@example.com",
      '',
      'maybe',
      'no',
      '40',
      '14',
      'none',
      '',
      'https://app.example.com, https://other.example.com',
    ]);
    expect(stage).toEqual({
      ...production,
      name: 'acme',
      operations: {
        ...production.operations,
        region: 'eu-central-1',
        alarmEmail: "o'neill@example.com",
        terminationProtection: false,
      },
      database: { ...production.database, backupDays: 14 },
      api: { ...production.api, corsOrigins: ['https://app.example.com', 'https://other.example.com'] },
    });
    expect(source).toContain("name: 'acme',");
    expect(printed).toEqual([
      expect.stringContaining('name must be 1 to 20 lower-case letters'),
      '"small" is a stage of the project: take another name.',
      'Choose one of small, production.',
      expect.stringContaining('operations.region must be a region that has every service'),
      expect.stringContaining('operations.alarmEmail must be an e-mail address'),
      'Answer yes or no.',
      expect.stringContaining('database.backupDays must be 1 to 35.'),
    ]);
  });

  it('overwrites nothing, and writes nothing after answers that are refused again and again', async () => {
    writeFileSync(join(directory, 'acme.ts'), '// mine');
    await expect(run(Array.from({ length: 5 }, () => 'acme'))).rejects.toThrow('No file was written');
    expect(readFileSync(join(directory, 'acme.ts'), 'utf8')).toBe('// mine');
    expect(existsSync(join(directory, 'acme.ts.new'))).toBe(false);
  });

  it('writes values that no quote gets out of', () => {
    const source = stageSource('a', 'small', { operations: { alarmEmail: "x'); process.exit(); ('@example.com" } });
    expect(source).toContain(`alarmEmail: "x'); process.exit(); ('@example.com"`);
  });
});
