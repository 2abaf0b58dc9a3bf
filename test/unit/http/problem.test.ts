import { describe, expect, it } from 'vitest';
import { problemOf, problemResponse } from '../../../functions/http/problem.ts';
import { DbragError, type ErrorCode, statusOfCode, validationFailed } from '../../../shared/core/errors.ts';
import { Outage } from '../../../shared/core/outage.ts';

describe('a problem', () => {
  it('has the status of its code, for every code', async () => {
    for (const [code, status] of Object.entries(statusOfCode)) {
      const response = problemResponse(new DbragError(code as ErrorCode, 'A sentence.'), 'request-1');
      expect(response.status).toBe(status);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({
        type: `https://dbrag.dev/problems/${code}`,
        status,
        code,
        detail: 'A sentence.',
        instance: 'request-1',
        error: { message: 'A sentence.', code, param: null },
      });
    }
  });

  it('shows nothing of an error that is not ours', () => {
    for (const thrown of [new Error('SELECT secret FROM host-1.internal'), 'text', null, { message: 'x' }]) {
      const text = JSON.stringify(problemOf(thrown, 'r'));
      expect(text).not.toMatch(/SELECT|secret|internal\.|host-1/);
      expect(JSON.parse(text)).toMatchObject({ status: 500, code: 'internal' });
    }
    const caused = new DbragError('timeout', 'Too slow.', { cause: new Error('SELECT secret') });
    expect(JSON.stringify(problemOf(caused, 'r'))).not.toContain('secret');
  });

  it('speaks the words that OpenAI clients know', () => {
    const typeOf = (code: ErrorCode) => problemOf(new DbragError(code, 'x'), 'r').error.type;
    expect(typeOf('unauthorized')).toBe('authentication_error');
    expect(typeOf('forbidden')).toBe('permission_error');
    expect(typeOf('rate_limited')).toBe('rate_limit_error');
    expect(typeOf('validation_failed')).toBe('invalid_request_error');
    expect(typeOf('timeout')).toBe('server_error');
    const invalid = validationFailed([{ pointer: '/a/b', detail: 'Wrong' }]);
    expect(problemOf(invalid, 'r').error.param).toBe('/a/b');
  });

  it('says when to come back, in whole seconds', () => {
    const busy = new DbragError('overloaded', 'x', { retryAfterSeconds: 1.2 });
    expect(problemResponse(busy, 'r').headers.get('retry-after')).toBe('2');
    expect(problemResponse(new DbragError('overloaded', 'x'), 'r').headers.get('retry-after')).toBeNull();
    // A bucket or a database that is away is no fault of ours to hide: the same request may be sent again.
    const away = problemResponse(new Outage('bucket secret-name does not answer'), 'r');
    expect(away.status).toBe(503);
    expect(Number(away.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(JSON.stringify(problemOf(new Outage('bucket secret-name'), 'r'))).not.toContain('secret');
    expect(problemResponse(new DbragError('unauthorized', 'x'), 'r').headers.get('www-authenticate')).toBe('Bearer');
  });
});
