/** A request waits for it: an issuer that takes longer counts as unavailable. */
const timeoutMilliseconds = 2_000;
/** Fifty RSA keys with their certificates. */
const mostBytes = 256 * 1024;

/**
 * A JSON document of an identity provider: its discovery document, or its keys.
 * @throws when it is not answered with 200, not in time, larger than 256 KB, elsewhere (a redirect), or no JSON
 */
export async function readIssuerDocument(url: string): Promise<unknown> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMilliseconds),
  });
  if (response.status !== 200 || !response.body) {
    await response.body?.cancel();
    throw new Error(`The identity provider answered ${response.status}.`);
  }
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body) {
    bytes += part.byteLength;
    if (bytes > mostBytes) throw new Error(`The identity provider answered with more than ${mostBytes} bytes.`);
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}
