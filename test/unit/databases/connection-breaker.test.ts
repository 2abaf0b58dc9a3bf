import { describe, expect, it } from 'vitest';
import { DbragError, type ErrorCode } from '../../../shared/core/errors.ts';
import { ConnectionBreaker } from '../../../shared/databases/connection-breaker.ts';

describe('the breaker of connections', () => {
  let now = 0;
  const calls: string[] = [];
  const make = () => {
    now = 1_000_000;
    calls.length = 0;
    return new ConnectionBreaker(() => now);
  };
  const fail = (breaker: ConnectionBreaker, id: string, code: ErrorCode = 'timeout') =>
    breaker
      .guard(id, async () => {
        calls.push(id);
        throw new DbragError(code, 'Away.', { retryable: true });
      })
      .catch((error: DbragError) => error);

  it('leaves a database alone after three failures in a row, and others not', async () => {
    const breaker = make();
    for (let i = 0; i < 3; i++) await fail(breaker, 'one');
    const error = (await fail(breaker, 'one')) as DbragError;
    expect(error).toMatchObject({ code: 'timeout', retryAfterSeconds: 15, retryable: true });
    expect(calls).toEqual(['one', 'one', 'one']);
    expect(await breaker.guard('two', async () => 'fine')).toBe('fine');
  });

  it('lets one try when the time is over, while the others are still told', async () => {
    const breaker = make();
    for (let i = 0; i < 3; i++) await fail(breaker, 'one');
    now += 15_000;
    const trying = Promise.withResolvers<string>();
    const first = breaker.guard('one', () => trying.promise);
    await fail(breaker, 'one');
    expect(calls).toHaveLength(3);
    trying.resolve('back');
    expect(await first).toBe('back');
    expect(await breaker.guard('one', async () => 'fine')).toBe('fine');
  });

  it('opens again at once when that one fails, and not for what says that the database is there', async () => {
    const breaker = make();
    for (let i = 0; i < 3; i++) await fail(breaker, 'one');
    now += 15_000;
    await fail(breaker, 'one');
    await fail(breaker, 'one');
    expect(calls).toHaveLength(4);
    for (let i = 0; i < 5; i++) await fail(breaker, 'two', 'role_too_powerful');
    expect(calls).toHaveLength(9);
    breaker.reset('one');
    await fail(breaker, 'one');
    expect(calls).toHaveLength(10);
  });

  it('does not remember more connections than it must', async () => {
    const breaker = make();
    for (let i = 0; i < 1_500; i++) await fail(breaker, `c${i}`);
    for (let i = 0; i < 3; i++) await fail(breaker, 'last');
    expect(await fail(breaker, 'last')).toMatchObject({ retryAfterSeconds: 15 });
  });
});
