import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import type { Clock } from '../core/clock.ts';
import { DbragError } from '../core/errors.ts';
import type { IdentityProvider } from '../core/identity-provider.ts';

/** Reads a JSON document of an issuer. Bounded in time and size, follows no redirect. @throws when it cannot be had */
export type ReadIssuerDocument = (url: string) => Promise<unknown>;

/** A key that an issuer takes back is refused after this long. */
const freshMilliseconds = 10 * 60_000;
/** For how long keys serve on while the issuer cannot be reached. */
const usableMilliseconds = 24 * 60 * 60_000;
/** Between two fetches from an issuer, whatever the tokens name and whether or not the last fetch succeeded: nobody can make us hammer it. */
const restMilliseconds = 30_000;
const restAfterFailureMilliseconds = 5_000;

interface Kept {
  readonly find: JWTVerifyGetKey;
  readonly at: number;
}

/**
 * The public keys of one issuer: read when they are first needed, again every ten minutes, and when a token names one that is not
 * known, which is how a rotation shows. One look at a time; an issuer that is away costs one look in five seconds, and the keys that
 * are known serve on.
 */
export class IssuerKeys {
  readonly #provider: IdentityProvider;
  readonly #read: ReadIssuerDocument;
  readonly #clock: Clock;
  #kept: Kept | undefined;
  #looking: Promise<void> | undefined;
  #restsUntil = 0;

  constructor(provider: IdentityProvider, read: ReadIssuerDocument, clock: Clock) {
    this.#provider = provider;
    this.#read = read;
    this.#clock = clock;
  }

  /**
   * For `jwtVerify`.
   * @throws overloaded while no key is known and the issuer cannot be reached · errors of jose for a token that names no known key
   */
  readonly find: JWTVerifyGetKey = async (header, token) => {
    if (this.#age() >= freshMilliseconds) await this.#look();
    try {
      return await this.#usable()(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await this.#look();
      return this.#usable()(header, token);
    }
  };

  #now(): number {
    return this.#clock.now().getTime();
  }

  #age(): number {
    return this.#kept ? this.#now() - this.#kept.at : Number.POSITIVE_INFINITY;
  }

  #usable(): JWTVerifyGetKey {
    if (this.#kept && this.#age() < usableMilliseconds) return this.#kept.find;
    throw new DbragError(
      'overloaded',
      'The identity provider cannot be reached, so no token can be checked. Try again.',
      {
        retryable: true,
        retryAfterSeconds: restAfterFailureMilliseconds / 1_000,
      },
    );
  }

  #look(): Promise<void> {
    if (this.#looking) return this.#looking;
    if (this.#now() < this.#restsUntil) return Promise.resolve();
    this.#looking = this.#fetch().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #fetch(): Promise<void> {
    try {
      const keys = await this.#read(this.#provider.keysUrl ?? (await this.#discover()));
      this.#kept = { find: createLocalJWKSet(keys as JSONWebKeySet), at: this.#now() };
      this.#restsUntil = this.#now() + restMilliseconds;
    } catch {
      this.#restsUntil = this.#now() + restAfterFailureMilliseconds;
    }
  }

  /** OpenID Connect Discovery 1.0, 4.3: a document that speaks for another issuer is none. */
  async #discover(): Promise<string> {
    const { issuer } = this.#provider;
    const document = await this.#read(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`);
    const { issuer: named, jwks_uri: url } = document as { issuer?: unknown; jwks_uri?: unknown };
    if (named !== issuer || typeof url !== 'string')
      throw new Error(`The discovery document of ${issuer} is not its own.`);
    if (!url.startsWith('https://') && !issuer.startsWith('http://')) throw new Error('Keys are read by https alone.');
    return url;
  }
}
