import fc from 'fast-check';
import { expect, test } from 'vitest';
import { generatePassword, type PasswordOptions } from '../../../infra/local/secrets-manager/generate-password.ts';
import { generatedValue } from '../../../infra/local/secrets-manager/template-secret.ts';

const options = fc.record(
  {
    PasswordLength: fc.integer({ min: 5, max: 60 }),
    ExcludeCharacters: fc.constantFrom('', 'abc', '"@/\\', '0123456789'),
    ExcludeNumbers: fc.boolean(),
    ExcludePunctuation: fc.boolean(),
    ExcludeUppercase: fc.boolean(),
    IncludeSpace: fc.boolean(),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<PasswordOptions>;

test('a password keeps to its options and holds each kind that it must', () => {
  fc.assert(
    fc.property(options, (wanted) => {
      const password = generatePassword(wanted);
      expect(password).toHaveLength(wanted.PasswordLength ?? 32);
      for (const character of wanted.ExcludeCharacters ?? '') expect(password).not.toContain(character);
      expect(/\d/.test(password)).toBe(!wanted.ExcludeNumbers && wanted.ExcludeCharacters !== '0123456789');
      expect(/[A-Z]/.test(password)).toBe(!wanted.ExcludeUppercase);
      expect(/[!-/:-@[-`{-~]/.test(password)).toBe(!wanted.ExcludePunctuation);
      expect(password.includes(' ')).toBe(wanted.IncludeSpace === true);
      expect(/[a-z]/.test(password)).toBe(true);
    }),
  );
});

test('what cannot be made is refused', () => {
  for (const wrong of [{ PasswordLength: 0 }, { PasswordLength: 4097 }, { PasswordLength: 3 }]) {
    expect(() => generatePassword(wrong)).toThrow(expect.objectContaining({ code: 'InvalidParameterException' }));
  }
  const nothing = { ExcludeLowercase: true, ExcludeUppercase: true, ExcludeNumbers: true, ExcludePunctuation: true };
  expect(() => generatePassword(nothing)).toThrow(/No characters/);
});

test('a template secret is the password, or the template with the password in it', () => {
  expect(generatedValue({})).toHaveLength(32);
  expect(generatedValue({ PasswordLength: '8', ExcludePunctuation: 'true' })).toMatch(/^[A-Za-z0-9]{8}$/);
  const filled = JSON.parse(generatedValue({ SecretStringTemplate: '{"user":"a"}', GenerateStringKey: 'password' }));
  expect(filled).toEqual({ user: 'a', password: expect.any(String) });
  expect(() => generatedValue({ SecretStringTemplate: '{}' })).toThrow(/go together/);
});
