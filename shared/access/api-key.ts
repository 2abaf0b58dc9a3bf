import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const prefix = 'dbrag_';
const randomLength = 30;
const checksumLength = 6;
const form = new RegExp(`^${prefix}[0-9A-Za-z]{${randomLength + checksumLength}}$`);

/**
 * A new API key: `dbrag_`, 30 random base62 characters (178 bits), 6 base62 characters of their CRC-32. The checksum lets a typo
 * be refused without a look-up, and lets secret scanners know a key when they see one.
 */
export function newApiKeySecret(): string {
  let random = '';
  for (let i = 0; i < randomLength; i++) random += alphabet[randomInt(alphabet.length)];
  return prefix + random + checksum(random);
}

/** True when the text has a key's form and its checksum holds. Says nothing of whether the key exists. */
export function isWellFormedApiKey(text: string): boolean {
  if (!form.test(text)) return false;
  const random = text.slice(prefix.length, prefix.length + randomLength);
  return text.slice(prefix.length + randomLength) === checksum(random);
}

/** SHA-256 of the secret: what is stored. A plain hash suffices since the secret has 178 bits of chance. */
export function hashApiKey(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function checksum(random: string): string {
  let rest = crc32(random);
  let text = '';
  for (let i = 0; i < checksumLength; i++) {
    text = alphabet[rest % alphabet.length] + text;
    rest = Math.floor(rest / alphabet.length);
  }
  return text;
}
