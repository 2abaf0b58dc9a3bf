import { describe, expect, it } from 'vitest';
import { readSettings } from '../../../infra/local/start/settings.ts';

describe('the settings of npm start', () => {
  it('have defaults, for empty variables too', () => {
    expect(readSettings({ PORT: '', LOCAL_REDIS_URL: ' ' })).toMatchObject({
      port: 3000,
      dataDirectory: expect.stringMatching(/\/\.dbrag$/),
      databaseUrl: undefined,
      redisUrl: undefined,
      apiKey: undefined,
      concurrency: undefined,
    });
  });

  it.each([
    [{ PORT: 'abc' }, 'PORT must be a whole number from 0 to 65535, not "abc"'],
    [{ PORT: '70000' }, 'PORT must be'],
    [{ LOCAL_CONCURRENCY: '0' }, 'LOCAL_CONCURRENCY must be'],
    [
      { LOCAL_DATABASE_URL: 'mysql://x' },
      'LOCAL_DATABASE_URL must be a URL that begins with postgres:// or postgresql://',
    ],
    [{ OPENAI_BASE_URL: 'localhost:1234' }, 'OPENAI_BASE_URL must be'],
  ])('refuse %j', (environment, message) => {
    expect(() => readSettings(environment)).toThrow(message);
  });
});
