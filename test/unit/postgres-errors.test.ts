import { describe, expect, it } from 'vitest';
import { classify, translate } from '../../shared/adapters/postgres/errors.ts';
import { scramVerifier } from '../../shared/adapters/postgres/scram.ts';
import { DbragError } from '../../shared/core/errors.ts';

const withCode = (code: string) => Object.assign(new Error('secret host 10.0.0.1'), { code });

describe('errors of the database', () => {
  it.each([
    ['40001', 'conflict', 'overloaded'],
    ['40P01', 'conflict', 'overloaded'],
    ['55P03', 'conflict', 'overloaded'],
    ['57P01', 'connection_lost', 'database_resuming'],
    ['08006', 'connection_lost', 'database_resuming'],
    ['25006', 'connection_lost', 'database_resuming'],
    ['25P02', 'connection_lost', 'database_resuming'],
    ['57P03', 'unavailable', 'database_resuming'],
    ['ECONNREFUSED', 'unavailable', 'database_resuming'],
    ['ECONNRESET', 'connection_lost', 'database_resuming'],
    ['53300', 'exhausted', 'overloaded'],
    ['53100', 'exhausted', 'overloaded'],
    ['57014', 'stopped', 'timeout'],
    ['28P01', 'credentials', 'internal'],
  ])('%s is %s, and %s outside, to be tried again, with nothing of its text', (code, failure, outside) => {
    const error = withCode(code);
    expect(classify(error)).toBe(failure);
    const translated = translate(error) as DbragError;
    expect(translated).toBeInstanceOf(DbragError);
    expect(translated).toMatchObject({ code: outside, retryable: true, cause: error });
    expect(translated.message).not.toContain('10.0.0.1');
  });

  it.each([
    ['Query read timeout', 'timeout'],
    ['timeout expired', 'unavailable'],
    ['Connection terminated due to connection timeout', 'unavailable'],
    ['Connection terminated unexpectedly', 'connection_lost'],
    ['timeout exceeded when trying to connect', 'exhausted'],
    ['something else', 'statement'],
  ])('the words “%s” of the driver are %s', (message, failure) => {
    expect(classify(new Error(message))).toBe(failure);
  });

  it('of a statement stay what they are, and ours too', () => {
    const unique = withCode('23505');
    expect(translate(unique)).toBe(unique);
    const own = new DbragError('not_found', 'No such thing.');
    expect(translate(own)).toBe(own);
    expect(classify('not an error')).toBe('statement');
  });
});

describe('the verifier of a password', () => {
  it('is what PostgreSQL computes (RFC 7677, the example of section 3)', () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
    // From the RFC's client proof and server signature: the keys of user "user", password "pencil", 4,096 rounds.
    expect(scramVerifier('pencil', salt)).toBe(
      'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
  });

  it('differs every time, and takes only what needs no preparation', () => {
    expect(scramVerifier('a')).not.toBe(scramVerifier('a'));
    for (const bad of ['', 'with space', 'ümlaut', 'line\nbreak']) expect(() => scramVerifier(bad)).toThrow('ASCII');
  });
});
