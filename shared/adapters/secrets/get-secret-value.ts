import type { IncomingMessage, request as Request } from 'node:http';
import { secretsEndpoint } from './secrets-endpoint.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the text of a secret with one signed request, without the SDK's client, which takes nearly a third of the processor time until a
 * function's first answer. Uses what Lambda guarantees: region and credentials in the environment, valid as long as the process lives.
 * @param patience milliseconds
 * @param onFallback told why the request failed
 * @returns undefined if the address is not plain to see, or the response is anything other than a text; the client then finds out why
 */
export async function getSecretValue(
  arn: string,
  patience: number,
  environment: Environment,
  onFallback: (error: unknown) => void = () => {},
): Promise<string | undefined> {
  const {
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
  } = environment;
  if (!region || !accessKeyId || !secretAccessKey) return undefined;
  try {
    const url = secretsEndpoint(environment);
    if (url === undefined) return undefined;
    const body = JSON.stringify({ SecretId: arn });
    const headers = await signed(url, body, region, {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken ? { sessionToken } : {}),
    });
    const text = await post(url, headers, body, AbortSignal.timeout(patience));
    const { SecretString } = JSON.parse(text) as { SecretString?: string };
    return SecretString;
  } catch (error) {
    onFallback(error);
    return undefined;
  }
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** The headers of the request, with its signature. */
async function signed(url: URL, body: string, region: string, credentials: Credentials) {
  const [{ SignatureV4 }, { Sha256 }] = await Promise.all([import('@smithy/signature-v4'), import('./sha256.ts')]);
  const signer = new SignatureV4({ service: 'secretsmanager', region, credentials, sha256: Sha256 });
  const { headers } = await signer.sign({
    method: 'POST',
    protocol: url.protocol,
    hostname: url.hostname,
    path: '/',
    headers: {
      host: url.host,
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'secretsmanager.GetSecretValue',
    },
    body,
  });
  return headers;
}

/** The text of a successful answer; throws for every other. */
async function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<string> {
  const { request }: { request: typeof Request } =
    url.protocol === 'https:' ? await import('node:https') : await import('node:http');
  const sent = request(url, { method: 'POST', headers, signal });
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve).on('error', reject).end(body);
  });
  // Read to its end in any case, so that the connection can be used again.
  const text = (await answer.setEncoding('utf8').toArray()).join('');
  if (answer.statusCode !== 200)
    throw new Error(`Secrets Manager answered ${answer.statusCode}: ${text.slice(0, 500)}`);
  return text;
}
