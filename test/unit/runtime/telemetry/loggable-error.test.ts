import { afterEach, describe, expect, it, vi } from 'vitest';
import { loggableError } from '../../../../functions/runtime/telemetry/loggable-error.ts';
import { createTelemetry } from '../../../../functions/runtime/telemetry/telemetry.ts';
import { DbragError } from '../../../../shared/core/errors.ts';

const secret = 'what-nobody-may-read';

/** As `pg`, `ioredis` and `openai` make them: what they know are enumerable members. */
const errors = {
  postgres: Object.assign(new Error('new row violates check constraint "documents_source_uri_check"'), {
    code: '23514',
    constraint: 'documents_source_uri_check',
    detail: `Failing row contains (${secret}).`,
    where: `JSON data, line 1: ${secret}`,
  }),
  redis: Object.assign(new Error('WRONGPASS invalid username-password pair'), {
    command: { name: 'auth', args: ['dbrag', secret] },
  }),
  customer: new DbragError('sql_rejected', `invalid input syntax for type integer: "${secret}"`, {
    withoutRows: 'The database refused the statement (22P02).',
  }),
  model: new Error('The model provider refused the request (401).', {
    cause: Object.assign(new Error('401'), {
      status: 401,
      error: { message: secret },
      headers: { authorization: secret },
    }),
  }),
};

describe('an error in the logs', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each(Object.entries(errors))('of %s holds nothing that somebody wrote', (_vendor, error) => {
    const written: string[] = [];
    for (const method of ['warn', 'error'] as const)
      vi.spyOn(console, method).mockImplementation((line: unknown) => void written.push(String(line)));
    vi.stubEnv('POWERTOOLS_DEV', 'true');
    const log = createTelemetry();
    log.cacheFailed(error);
    log.requestFailed(error, { method: 'GET', path: '/' });
    log.nudgeFailed({ queue: 'maintenance', count: 1, error });
    log.recordFailed(error, { source: 'queue', messageId: '1' });
    vi.unstubAllEnvs();
    expect(written).toHaveLength(4);
    const told = error instanceof DbragError ? error.withoutRows : error.message;
    expect(written.join()).toContain(told.slice(0, 20));
    expect(written.join()).not.toContain(secret);
  });

  it('keeps what says what happened', () => {
    expect({ ...loggableError(errors.postgres) }).toEqual({
      name: 'Error',
      code: '23514',
      constraint: 'documents_source_uri_check',
    });
    expect(loggableError(errors.model).cause).toMatchObject({ message: '401', status: 401 });
    expect(loggableError(errors.redis).stack).toContain('WRONGPASS');
  });

  it('that quotes a long value quotes its beginning only, in the stack too', () => {
    const logged = loggableError(new Error(`invalid input syntax: ${'x'.repeat(10_000)}`));
    expect(logged.message).toHaveLength(500);
    expect(logged.stack?.length).toBeLessThan(5_000);
  });

  it('that is no error at all says only of what type it was', () => {
    expect(loggableError({ secret }).message).toBe('object');
  });
});
