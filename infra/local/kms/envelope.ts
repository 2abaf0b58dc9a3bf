import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { AwsError } from '../aws/aws-error.ts';
import type { Key } from './key-store.ts';

export type EncryptionContext = Readonly<Record<string, string>>;

const FORMAT = 1;
const IV_LENGTH = 12;
const TAG_LENGTH = 16;

/** AES-256-GCM with the context as additional data: `format · length of key id · key id · iv · tag · ciphertext`. */
export function seal(key: Key, plaintext: Uint8Array, context: EncryptionContext): Buffer {
  const iv = randomBytes(IV_LENGTH);
  const id = Buffer.from(key.id);
  const header = Buffer.concat([Buffer.from([FORMAT, id.length]), id]);
  const cipher = createCipheriv('aes-256-gcm', key.material, iv);
  cipher.setAAD(Buffer.concat([header, canonicalContext(context)]));
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([header, iv, cipher.getAuthTag(), body]);
}

/** The id of the key that sealed the blob; nothing is verified yet. Throws InvalidCiphertextException. */
export function keyIdOf(blob: Uint8Array): string {
  const length = blob[1] ?? 0;
  if (blob[0] !== FORMAT || length === 0 || blob.length < 2 + length + IV_LENGTH + TAG_LENGTH)
    throw invalidCiphertext();
  return Buffer.from(blob.subarray(2, 2 + length)).toString();
}

/** The plaintext. Throws InvalidCiphertextException for another key, another context, or a changed blob. */
export function unseal(key: Key, blob: Uint8Array, context: EncryptionContext): Buffer {
  const bodyStart = 2 + (blob[1] ?? 0);
  const iv = blob.subarray(bodyStart, bodyStart + IV_LENGTH);
  const tag = blob.subarray(bodyStart + IV_LENGTH, bodyStart + IV_LENGTH + TAG_LENGTH);
  const decipher = createDecipheriv('aes-256-gcm', key.material, iv);
  decipher.setAAD(Buffer.concat([blob.subarray(0, bodyStart), canonicalContext(context)]));
  decipher.setAuthTag(tag);
  const body = decipher.update(blob.subarray(bodyStart + IV_LENGTH + TAG_LENGTH));
  try {
    return Buffer.concat([body, decipher.final()]);
  } catch {
    throw invalidCiphertext();
  }
}

/** The order of the pairs does not count, and no two contexts are written alike. */
function canonicalContext(context: EncryptionContext): Buffer {
  const pairs = Object.entries(context).sort(([left], [right]) => (left < right ? -1 : 1));
  return Buffer.from(JSON.stringify(pairs));
}

function invalidCiphertext(): AwsError {
  return new AwsError(
    'InvalidCiphertextException',
    'The ciphertext is invalid, or the encryption context is not the one it was made with.',
  );
}
