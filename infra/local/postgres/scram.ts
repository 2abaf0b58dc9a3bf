import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

// SCRAM-SHA-256 as RFC 5802 and 7677 have it, in PostgreSQL's dialect: the user name of the exchange is ignored
// (the start-up packet has it) and the stored form is "SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey".

const ITERATIONS = 4096; // PostgreSQL's default
const derive = promisify(pbkdf2);
const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const hash = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** What the server keeps of a password. */
export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: string;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** Reads `pg_authid.rolpassword`; undefined when it is missing or of another kind (md5). */
export function parseVerifier(stored: string | null): ScramVerifier | undefined {
  const match = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(stored ?? '');
  if (!match) return undefined;
  const [, iterations, salt, storedKey, serverKey] = match as unknown as [string, string, string, string, string];
  return {
    iterations: Number(iterations),
    salt,
    storedKey: Buffer.from(storedKey, 'base64'),
    serverKey: Buffer.from(serverKey, 'base64'),
  };
}

/** The verifier of a password, in the form that `ALTER ROLE … PASSWORD` takes as it is. */
export async function createVerifier(password: string, salt = randomBytes(16), iterations = ITERATIONS) {
  const salted = await derive(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const storedKey = hash(hmac(salted, 'Client Key'));
  const serverKey = hmac(salted, 'Server Key');
  const keys = `${storedKey.toString('base64')}:${serverKey.toString('base64')}`;
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${keys}`;
}

/** Whether a password is the one behind a stored verifier. */
export async function matchesVerifier(password: string, stored: string | null): Promise<boolean> {
  const verifier = parseVerifier(stored);
  if (!verifier) return false;
  return (await createVerifier(password, Buffer.from(verifier.salt, 'base64'), verifier.iterations)) === stored;
}

/** A verifier that no password meets, so that an unknown role looks like a wrong password. */
export function impossibleVerifier(): ScramVerifier {
  return {
    iterations: ITERATIONS,
    salt: randomBytes(16).toString('base64'),
    storedKey: randomBytes(32),
    serverKey: randomBytes(32),
  };
}

/** The server's half of one exchange. Both steps return undefined when the client is wrong. */
export class ScramExchange {
  readonly #verifier: ScramVerifier;
  #clientFirst = '';
  #serverFirst = '';
  #header = '';
  #nonce = '';

  constructor(verifier: ScramVerifier) {
    this.#verifier = verifier;
  }

  /** Takes client-first-message, gives server-first-message. */
  first(clientMessage: string): string | undefined {
    const match = /^([ny],[^,]*,)(n=[^,]*,r=([^,]+).*)$/s.exec(clientMessage);
    if (!match) return undefined;
    this.#header = match[1] as string;
    this.#clientFirst = match[2] as string;
    this.#nonce = `${match[3]}${randomBytes(18).toString('base64')}`;
    this.#serverFirst = `r=${this.#nonce},s=${this.#verifier.salt},i=${this.#verifier.iterations}`;
    return this.#serverFirst;
  }

  /** Takes client-final-message, gives server-final-message. */
  final(clientMessage: string): string | undefined {
    const match = /^(c=([^,]*),r=([^,]*).*),p=([^,]+)$/s.exec(clientMessage);
    if (!match) return undefined;
    const [, withoutProof, header, nonce, proof] = match as unknown as [string, string, string, string, string];
    if (Buffer.from(header, 'base64').toString() !== this.#header || nonce !== this.#nonce) return undefined;
    const authentication = `${this.#clientFirst},${this.#serverFirst},${withoutProof}`;
    const signature = hmac(this.#verifier.storedKey, authentication);
    const clientProof = Buffer.from(proof, 'base64');
    if (clientProof.length !== signature.length) return undefined;
    const clientKey = Buffer.from(clientProof.map((byte, index) => byte ^ (signature[index] as number)));
    if (!timingSafeEqual(hash(clientKey), this.#verifier.storedKey)) return undefined;
    return `v=${hmac(this.#verifier.serverKey, authentication).toString('base64')}`;
  }
}
