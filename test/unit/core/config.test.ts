import { describe, expect, it } from 'vitest';
import { mayActAs, roles } from '../../../shared/core/caller.ts';
import { readConfig, readMigrationConfig } from '../../../shared/core/config.ts';
import { environmentNames as names } from '../../../shared/core/env-names.ts';

const least = {
  [names.stage]: 'test',
  [names.databaseHost]: 'database.internal',
  [names.databaseName]: 'dbrag',
};

describe('the environment', () => {
  it('is read into settings, with what it leaves out', () => {
    expect(readConfig(least)).toMatchObject({
      stage: 'test',
      database: { host: 'database.internal', readerHost: 'database.internal', port: 5432, tls: 'verify' },
      cache: { url: undefined, questionTtl: 86_400, chunkTtl: 900 },
      models: { embeddingModel: 'text-embedding-3-small', embeddingDimensions: 1536, baseUrl: undefined },
      maximumFileBytes: 100_000_000,
      search: { semanticWeight: 1, keywordWeight: 1 },
      connections: { statements: { mostCost: 5_000_000, runSeconds: 20, answerSeconds: 12, planSeconds: 5 } },
      versionGraceSeconds: 3_600,
      corsOrigins: [],
      rateLimits: { ask: { subject: null, workspace: null }, poll: { subject: null, workspace: null } },
      quotas: null,
    });
    const given = readConfig({
      ...least,
      [names.databasePort]: '5433',
      [names.databaseTls]: 'off',
      [names.corsOrigins]: '["https://a.example"]',
      [names.cacheSettings]: '{"questionTtl":5}',
      [names.queueUrlEmbedLow]: 'http://queue',
      [names.searchSettings]: '{"keywordWeight":2}',
      [names.statementSettings]: '{"mostCost":7}',
    });
    expect(given.database).toMatchObject({ port: 5433, tls: 'off' });
    expect(given.corsOrigins).toEqual(['https://a.example']);
    expect(given.cache.questionTtl).toBe(5);
    expect(given.search).toEqual({ semanticWeight: 1, keywordWeight: 2 });
    expect(given.connections.statements).toMatchObject({ mostCost: 7, runSeconds: 20 });
    expect(given.queueUrls['embed-low']).toBe('http://queue');
  });

  it.each([
    [{ [names.stage]: '' }, names.stage],
    [{ [names.databaseHost]: undefined }, names.databaseHost],
    [{ [names.databasePort]: 'many' }, names.databasePort],
    [{ [names.databasePort]: '1.5' }, names.databasePort],
    [{ [names.databaseTls]: 'perhaps' }, names.databaseTls],
    [{ [names.corsOrigins]: '[' }, names.corsOrigins],
  ])('names the variable that is wrong: %j', (changes, name) => {
    expect(() => readConfig({ ...least, ...changes })).toThrow(name);
  });

  it('tells a migration what only it may know', () => {
    expect(() => readMigrationConfig(least)).toThrow(names.databaseOwnerSecret);
  });
});

describe('roles', () => {
  it('may do what weaker ones may', () => {
    for (const [i, role] of roles.entries())
      for (const [j, needed] of roles.entries()) expect(mayActAs({ role } as never, needed)).toBe(i >= j);
  });
});
