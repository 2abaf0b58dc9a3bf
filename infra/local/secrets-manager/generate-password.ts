import { randomInt } from 'node:crypto';
import { AwsError } from '../aws/aws-error.ts';

/** The options of GetRandomPassword and of a template's `GenerateSecretString`. */
export interface PasswordOptions {
  /** 1 to 4096, 32 unless told. */
  readonly PasswordLength?: number;
  readonly ExcludeCharacters?: string;
  readonly ExcludeNumbers?: boolean;
  readonly ExcludePunctuation?: boolean;
  readonly ExcludeUppercase?: boolean;
  readonly ExcludeLowercase?: boolean;
  readonly IncludeSpace?: boolean;
  /** At least one of each kind that is not excluded; true unless told. */
  readonly RequireEachIncludedType?: boolean;
}

const LOWERCASE = 'abcdefghijklmnopqrstuvwxyz';
const NUMBERS = '0123456789';
const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~';

/** A password from a secure source, each character equally likely. Throws InvalidParameterException. */
export function generatePassword(options: PasswordOptions): string {
  const length = options.PasswordLength ?? 32;
  if (!Number.isInteger(length) || length < 1 || length > 4096) throw invalid('PasswordLength must be 1 to 4096.');
  const excluded = new Set(options.ExcludeCharacters ?? '');
  const kinds = [
    options.ExcludeLowercase ? '' : LOWERCASE,
    options.ExcludeUppercase ? '' : LOWERCASE.toUpperCase(),
    options.ExcludeNumbers ? '' : NUMBERS,
    options.ExcludePunctuation ? '' : PUNCTUATION,
    options.IncludeSpace ? ' ' : '',
  ]
    .map((kind) => [...kind].filter((character) => !excluded.has(character)))
    .filter((kind) => kind.length > 0);
  const all = kinds.flat();
  if (all.length === 0) throw invalid('No characters are left to make a password of.');
  const required = options.RequireEachIncludedType === false ? [] : kinds;
  if (required.length > length) throw invalid('The password is too short to hold one of each required type.');
  const characters = Array.from({ length }, (_, index) => pick(required[index] ?? all));
  return shuffled(characters).join('');
}

function pick(characters: readonly string[]): string {
  return characters[randomInt(characters.length)] as string;
}

/** Fisher and Yates. */
function shuffled(characters: string[]): string[] {
  for (let last = characters.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [characters[last], characters[other]] = [characters[other] as string, characters[last] as string];
  }
  return characters;
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterException', message);
}
