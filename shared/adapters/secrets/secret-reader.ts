import type { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Clock } from '../../core/clock.ts';
import { getSecretValue } from './get-secret-value.ts';

/** A rotated secret is seen at the latest after this long; a refused password asks at once (`refresh`). */
const keptMilliseconds = 5 * 60_000;
/** By default a request waits for ever; who waits for a secret has a deadline. */
const patienceMilliseconds = 2_000;

export interface SecretReader {
  /** The secret's text, kept in memory for five minutes. An older one is used on when Secrets Manager cannot be reached. */
  read(arn: string): Promise<string>;
  /** As `read`, but asks again although a kept value is young. */
  refresh(arn: string): Promise<string>;
}

interface Kept {
  readonly value: string;
  readonly at: number;
}

export interface SecretReaderOptions {
  /** Milliseconds for each of three attempts, the last two of which are the SDK's. */
  readonly patience?: number;
  /** Told of a first attempt that failed. The SDK's client reads the secret then, but takes far longer until a first answer. */
  readonly onFallback?: (error: unknown) => void;
}

export function createSecretReader(
  clock: Clock,
  { patience = patienceMilliseconds, onFallback }: SecretReaderOptions = {},
): SecretReader {
  const requestHandler = { connectionTimeout: patience, requestTimeout: patience, throwOnRequestTimeout: true };
  let client: SecretsManagerClient | undefined;
  const kept = new Map<string, Kept>();
  const fetching = new Map<string, Promise<string>>();

  async function fetchSecret(arn: string): Promise<string> {
    const value = (await getSecretValue(arn, patience, process.env, onFallback)) ?? (await fetchByClient(arn));
    kept.set(arn, { value, at: clock.now().getTime() });
    return value;
  }

  async function fetchByClient(arn: string): Promise<string> {
    const { SecretsManagerClient, GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
    client ??= new SecretsManagerClient({ maxAttempts: 2, requestHandler });
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: arn }));
    if (SecretString === undefined) throw new Error(`The secret ${arn} holds no text.`);
    return SecretString;
  }

  function fetchOnce(arn: string): Promise<string> {
    let running = fetching.get(arn);
    if (running === undefined) {
      running = fetchSecret(arn).finally(() => fetching.delete(arn));
      fetching.set(arn, running);
    }
    return running;
  }

  return {
    async read(arn) {
      const known = kept.get(arn);
      if (known && clock.now().getTime() - known.at < keptMilliseconds) return known.value;
      if (!known) return fetchOnce(arn);
      return fetchOnce(arn).catch(() => known.value);
    },
    refresh: fetchOnce,
  };
}
