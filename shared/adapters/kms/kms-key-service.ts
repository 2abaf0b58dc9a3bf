import type { KMSClient } from '@aws-sdk/client-kms';
import type { KeyService } from '../../core/key-service.ts';
import { isLostConnection } from '../../core/lost-connection.ts';
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

/** KMS says these with the status 400, as it does what is the request's own fault. */
const comeLater = new Set(['ThrottlingException', 'RequestTimeout', 'RequestTimeoutException']);

/** No answer, or one that says to come later: of the service, not of the key. */
function rethrow(error: unknown): never {
  const { name = '', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  const isBusy = status !== undefined && (status === 429 || status >= 500 || comeLater.has(name));
  if (isLostConnection(error) || isBusy) throw new Outage('The key service does not answer.', { cause: error });
  throw error;
}
