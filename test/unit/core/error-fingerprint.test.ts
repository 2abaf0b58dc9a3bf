import { describe, expect, it } from 'vitest';
import { failureOf } from '../../../shared/core/error-fingerprint.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { Outage } from '../../../shared/core/outage.ts';

function storeInvoice(customer: string): never {
  throw Object.assign(new Error(`duplicate key (${customer})`), { code: '23505' });
}
function storeOrder(customer: string): never {
  throw Object.assign(new Error(`duplicate key (${customer})`), { code: '23505' });
}
const thrownBy = (work: () => never): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};

describe('the fingerprint of an error', () => {
  it('is the same for what fails in one place, whatever it was about, and quotes nothing of it', () => {
    const one = failureOf(thrownBy(() => storeInvoice('Alice Example')));
    const other = failureOf(thrownBy(() => storeInvoice('Bob Example')));
    expect(one?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(other).toEqual(one);
    expect(one).toMatchObject({ name: 'Error', code: '23505' });
    expect(one?.frames[0]).toBe('storeInvoice');
    expect(JSON.stringify(one)).not.toContain('Alice');
  });

  it('is another where the same fails elsewhere, or something else fails there', () => {
    const here = failureOf(thrownBy(() => storeInvoice('x')));
    expect(failureOf(thrownBy(() => storeOrder('x')))?.fingerprint).not.toBe(here?.fingerprint);
    const coded = thrownBy(() => storeInvoice('x')) as { code: string };
    coded.code = '40001';
    expect(failureOf(coded)?.fingerprint).not.toBe(here?.fingerprint);
  });

  it('stays the same when a deploy moves files and lines', () => {
    const error = new Error('x');
    const stack = (file: string) =>
      `Error: x\n    at async embedPool (file:///var/task/${file})\n    at run (/x/${file})`;
    error.stack = stack('queue/chunk-A1.mjs:12:3456');
    const before = failureOf(error);
    error.stack = stack('queue/chunk-B2.mjs:13:99');
    expect(failureOf(error)).toEqual(before);
    expect(before?.frames).toEqual(['embedPool', 'run']);
  });

  it.each([
    ['as it was thrown', (error: Error) => error],
    // The stack is written when it is first read.
    ['with its message changed since', (error: Error) => error.stack && Object.assign(error, { message: 'another' })],
  ])('takes no line of the message for a frame, %s', (_name, changed) => {
    const error = new Error('could not read:\n    at Alice Example (her letter)\n  of hers');
    const failure = failureOf(changed(error));
    expect(JSON.stringify(failure)).not.toContain('Alice');
    const plain = failureOf(changed(new Error('could not read')));
    expect(failure?.fingerprint).toBe(plain?.fingerprint);
  });

  it('takes the code from the cause, where the error itself has none', () => {
    const cause = Object.assign(new Error('x'), { code: 'ECONNRESET' });
    expect(failureOf(new Error('y', { cause }))?.code).toBe('ECONNRESET');
  });

  it.each([
    ['what a caller got wrong', new DbragError('not_found', 'No such document.')],
    ['what is away', new Outage('The database is away')],
  ])('is not taken of %s', (_name, error) => {
    expect(failureOf(error)).toBeUndefined();
  });

  it('is taken of what is no error, too', () => {
    expect(failureOf('text')).toMatchObject({ name: 'string', code: null, frames: [] });
    expect(failureOf(new DbragError('internal', 'x'))).toBeDefined();
  });
});
