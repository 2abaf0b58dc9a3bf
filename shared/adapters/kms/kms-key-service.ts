import type { KMSClient } from '@aws-sdk/client-kms';
import type { KeyService } from '../../core/key-service.ts';
import { Outage } from '../../core/outage.ts';

/** The key service on KMS. SDK and client come at first use: most requests need neither. */
export function createKmsKeyService(keyId: string): KeyService {
  let loaded: Promise<{ sdk: typeof import('@aws-sdk/client-kms'); client: KMSClient }> | undefined;
  const load = () => {
    loaded ??= import('@aws-sdk/client-kms').then((sdk) => ({ sdk, client: new sdk.KMSClient({ maxAttempts: 3 }) }));
    return loaded;
  };
  return {
    async generate(context) {
      const { sdk, client } = await load();
      const command = new sdk.GenerateDataKeyCommand({
        KeyId: keyId,
        KeySpec: 'AES_256',
        EncryptionContext: { ...context },
      });
      const { Plaintext, CiphertextBlob } = await client.send(command).catch(rethrow);
      if (!Plaintext || !CiphertextBlob) throw new Error('KMS gave no data key.');
      return { plain: Buffer.from(Plaintext), wrapped: Buffer.from(CiphertextBlob) };
    },
    async unwrap(wrapped, context) {
      const { sdk, client } = await load();
      const command = new sdk.DecryptCommand({
        KeyId: keyId,
        CiphertextBlob: wrapped,
        EncryptionContext: { ...context },
      });
      const { Plaintext } = await client.send(command).catch(rethrow);
      if (!Plaintext) throw new Error('KMS opened no key.');
      return Buffer.from(Plaintext);
    },
  };
}

/** What Node calls a connection that was not made, or broke, and the SDK one that took too long. */
const lostConnections = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ETIMEDOUT',
  'TimeoutError',
]);
/** KMS says these with the status 400, as it does what is the request's own fault. */
const comeLater = new Set(['ThrottlingException', 'RequestTimeout', 'RequestTimeoutException']);

/**
 * No answer, or one that says to come later: of the service, not of the key. What failed before anything was sent (no credentials, a request that
 * cannot be made) has no status either, and fails each time.
 */
function rethrow(error: unknown): never {
  const { name = '', code = '', $metadata } = error as KmsFailure;
  const status = $metadata?.httpStatusCode;
  const isLost = lostConnections.has(code) || lostConnections.has(name);
  const isBusy = status !== undefined && (status === 429 || status >= 500 || comeLater.has(name));
  if (isLost || isBusy) throw new Outage('The key service does not answer.', { cause: error });
  throw error;
}

interface KmsFailure {
  readonly name?: string;
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}
