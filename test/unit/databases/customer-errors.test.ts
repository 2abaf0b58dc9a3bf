import { describe, expect, it } from 'vitest';
import { customerFault } from '../../../shared/adapters/postgres/customer-errors.ts';

const withState = (code: string) => Object.assign(new Error('of the server'), { code });

describe("a fault of a customer's database", () => {
  it.each([
    ['57014', 'timeout', true],
    ['57P01', 'connection_refused', true],
    ['53300', 'too_many_connections', true],
    ['28P01', 'auth_failed', false],
    ['3D000', 'database_missing', false],
  ])('of the state %s is %s, and to be tried again: %s', (state, code, retryable) => {
    expect(customerFault(withState(state))).toMatchObject({ code, retryable });
  });

  it('is none where a statement is wrong', () => {
    expect(customerFault(withState('42601'))).toBeUndefined();
  });
});
