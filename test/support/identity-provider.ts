import { createServer, type Server } from 'node:http';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { closeServer, listen } from '../../infra/local/cloud/listen.ts';

/** How the provider answers for its documents: as it should, not at all, with an error, or slowly for ever. */
type Mood = 'well' | 'down' | 'broken' | 'hangs';

interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** An OIDC issuer on loopback: discovery, keys that rotate, tokens as they are asked for, and whatever can be wrong with them. */
export class TestIdentityProvider {
  readonly audience = 'dbrag';
  /** Documents that were read, by their path. */
  readonly reads: string[] = [];
  mood: Mood = 'well';
  issuer = '';
  #server: Server;
  #keys: SigningKey[] = [];
  #made = 0;

  static async start(): Promise<TestIdentityProvider> {
    const provider = new TestIdentityProvider();
    await provider.rotate();
    provider.issuer = `http://127.0.0.1:${await listen(provider.#server, 0)}`;
    return provider;
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      this.reads.push(request.url ?? '');
      if (this.mood === 'down') return void request.socket.destroy();
      if (this.mood === 'hangs') return;
      if (this.mood === 'broken') return void response.writeHead(500).end('<html>');
      void this.#document(request.url ?? '').then((body) => {
        response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? {}));
      });
    });
  }

  get #current(): SigningKey {
    return this.#keys[0] as SigningKey;
  }

  get publicKey(): CryptoKey {
    return this.#current.publicKey;
  }

  get kid(): string {
    return this.#current.kid;
  }

  /** Signs with a new key from now on. @param keepOld false: what the old ones signed holds no more */
  async rotate(keepOld = true): Promise<void> {
    this.#made += 1;
    const pair = await generateKeyPair('RS256', { extractable: true });
    this.#keys = [{ kid: `key-${this.#made}`, ...pair }, ...(keepOld ? this.#keys : [])];
  }

  /** A token that holds for ten minutes, but for what is said otherwise; a claim that is undefined is left out. */
  token(claims: JWTPayload = {}, header: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1_000);
    const { privateKey, kid } = this.#current;
    const base = { iss: this.issuer, aud: this.audience, sub: 'person', iat: now, exp: now + 600 };
    return new SignJWT(JSON.parse(JSON.stringify({ ...base, ...claims })) as JWTPayload)
      .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT', ...header })
      .sign(privateKey);
  }

  close(): Promise<void> {
    return closeServer(this.#server, 0);
  }

  async #document(path: string): Promise<object | undefined> {
    if (path === '/.well-known/openid-configuration') return { issuer: this.issuer, jwks_uri: `${this.issuer}/keys` };
    if (path !== '/keys') return undefined;
    const describe = async ({ kid, publicKey }: SigningKey) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg: 'RS256',
      use: 'sig',
    });
    return { keys: await Promise.all(this.#keys.map(describe)) };
  }
}
