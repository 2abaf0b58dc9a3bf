import { randomBytes } from 'node:crypto';
import { AwsError } from '../aws/aws-error.ts';
import type { JsonCall, JsonInput, JsonOperation } from '../aws/json-protocol.ts';
import type { Authorizer } from '../iam/authorizer.ts';
import { accessDeniedMessage } from '../iam/create-authorizer.ts';
import { type EncryptionContext, keyIdOf, seal, unseal } from './envelope.ts';
import type { Key, KeyStore } from './key-store.ts';

const LARGEST_PLAINTEXT = 4096;
const LARGEST_DATA_KEY = 1024;
const LARGEST_CIPHERTEXT = 6144;

/** The operations that handlers and SDKs use of KMS; keys themselves come from the template. */
export function kmsOperations(keys: KeyStore, authorizer: Authorizer): Record<string, JsonOperation> {
  /** Finds the key and asks whether the caller may use it so. */
  function keyFor(name: string, action: string, { identity }: JsonCall, context: EncryptionContext = {}): Key {
    const key = keys.find(name);
    if (key === undefined) throw new AwsError('NotFoundException', `Key '${name}' does not exist`);
    const conditions = {
      ...Object.fromEntries(Object.entries(context).map(([field, value]) => [`kms:EncryptionContext:${field}`, value])),
      ...(Object.keys(context).length > 0 && { 'kms:EncryptionContextKeys': Object.keys(context) }),
    };
    if (!authorizer.allows(identity.principal, action, key.arn, conditions)) {
      throw new AwsError('AccessDeniedException', accessDeniedMessage(identity.principal, action, key.arn));
    }
    return key;
  }

  function decrypted(input: JsonInput, call: JsonCall, action: string, names: { context: string; key: string }) {
    const blob = bytes(input, 'CiphertextBlob', LARGEST_CIPHERTEXT);
    const context = contextOf(input, names.context);
    const key = usable(keyFor(keyIdOf(blob), action, call, context));
    const named = input[names.key];
    if (named !== undefined && keys.find(String(named))?.id !== key.id) {
      throw new AwsError(
        'IncorrectKeyException',
        'The key ID in the request does not identify a CMK that can perform this operation.',
      );
    }
    return { key, plaintext: unseal(key, blob, context) };
  }

  function dataKey(input: JsonInput, call: JsonCall, action: string) {
    const context = contextOf(input, 'EncryptionContext');
    const key = usable(keyFor(text(input, 'KeyId'), action, call, context));
    const plaintext = randomBytes(dataKeyLength(input));
    return { key, plaintext, blob: seal(key, plaintext, context) };
  }

  return {
    Encrypt(input, call) {
      const context = contextOf(input, 'EncryptionContext');
      const key = usable(keyFor(text(input, 'KeyId'), 'kms:Encrypt', call, context));
      const blob = seal(key, bytes(input, 'Plaintext', LARGEST_PLAINTEXT), context);
      return { CiphertextBlob: base64(blob), KeyId: key.arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
    },
    Decrypt(input, call) {
      const { key, plaintext } = decrypted(input, call, 'kms:Decrypt', { context: 'EncryptionContext', key: 'KeyId' });
      return { Plaintext: base64(plaintext), KeyId: key.arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' };
    },
    ReEncrypt(input, call) {
      const names = { context: 'SourceEncryptionContext', key: 'SourceKeyId' };
      const source = decrypted(input, call, 'kms:ReEncryptFrom', names);
      const context = contextOf(input, 'DestinationEncryptionContext');
      const key = usable(keyFor(text(input, 'DestinationKeyId'), 'kms:ReEncryptTo', call, context));
      const blob = seal(key, source.plaintext, context);
      return { CiphertextBlob: base64(blob), KeyId: key.arn, SourceKeyId: source.key.arn };
    },
    GenerateDataKey(input, call) {
      const { key, plaintext, blob } = dataKey(input, call, 'kms:GenerateDataKey');
      return { CiphertextBlob: base64(blob), Plaintext: base64(plaintext), KeyId: key.arn };
    },
    GenerateDataKeyWithoutPlaintext(input, call) {
      const { key, blob } = dataKey(input, call, 'kms:GenerateDataKeyWithoutPlaintext');
      return { CiphertextBlob: base64(blob), KeyId: key.arn };
    },
    DescribeKey: (input, call) => ({ KeyMetadata: metadataOf(keyFor(text(input, 'KeyId'), 'kms:DescribeKey', call)) }),
  };
}

/** Throws DisabledException. */
function usable(key: Key): Key {
  if (!key.enabled) throw new AwsError('DisabledException', `${key.arn} is disabled.`);
  return key;
}

function metadataOf(key: Key): object {
  return {
    AWSAccountId: '000000000000',
    KeyId: key.id,
    Arn: key.arn,
    CreationDate: key.createdAt / 1000,
    Enabled: key.enabled,
    Description: key.description,
    KeyUsage: 'ENCRYPT_DECRYPT',
    KeyState: key.enabled ? 'Enabled' : 'Disabled',
    Origin: 'AWS_KMS',
    KeyManager: 'CUSTOMER',
    KeySpec: 'SYMMETRIC_DEFAULT',
    CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
    EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
    MultiRegion: false,
  };
}

function dataKeyLength(input: JsonInput): number {
  const { KeySpec: spec, NumberOfBytes: length } = input;
  if ((spec === undefined) === (length === undefined)) {
    throw new AwsError('ValidationException', 'Please specify either number of bytes or key spec.');
  }
  if (spec === 'AES_256') return 32;
  if (spec === 'AES_128') return 16;
  if (typeof length === 'number' && Number.isInteger(length) && length >= 1 && length <= LARGEST_DATA_KEY)
    return length;
  throw new AwsError('ValidationException', 'KeySpec must be AES_256 or AES_128, NumberOfBytes 1 to 1024.');
}

function contextOf(input: JsonInput, name: string): EncryptionContext {
  const context = input[name] ?? {};
  if (typeof context !== 'object' || Object.values(context).some((value) => typeof value !== 'string')) {
    throw new AwsError('ValidationException', `${name} must be a map of strings.`);
  }
  return context as EncryptionContext;
}

function text(input: JsonInput, name: string): string {
  const value = input[name];
  if (typeof value !== 'string' || value === '') throw new AwsError('ValidationException', `${name} is missing.`);
  return value;
}

function bytes(input: JsonInput, name: string, largest: number): Buffer {
  const value = Buffer.from(text(input, name), 'base64');
  if (value.length > largest) throw new AwsError('ValidationException', `${name} is longer than ${largest} bytes.`);
  return value;
}

function base64(value: Buffer): string {
  return value.toString('base64');
}
