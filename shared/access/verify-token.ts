import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import { DbragError } from '../core/errors.ts';
import { type IdentityProvider, signatureAlgorithms, strongContexts } from '../core/identity-provider.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import { longestToken } from './token-form.ts';

/** How a provider's tokens are checked. */
export interface TrustedIssuer {
  readonly provider: IdentityProvider;
  readonly keys: Pick<IssuerKeys, 'find'>;
}

/** A token that held. */
export interface VerifiedToken {
  readonly provider: IdentityProvider;
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly claims: JWTPayload;
}

const longestSubject = 255;
/** Of tokens that say who somebody is. One with another type is for something else, such as a logout. */
const types = ['jwt', 'at+jwt'];

/**
 * Checks a JSON Web Token (RFC 7519, 8725): issuer, audience, signature by one of the pinned algorithms and the issuer's own key,
 * times without a grace, and nothing critical that is not understood.
 * @throws unauthorized · mfa_required · overloaded while the issuer's keys cannot be had
 */
export async function verifyToken(token: string, issuers: readonly TrustedIssuer[], now: Date): Promise<VerifiedToken> {
  if (token.length > longestToken) throw new DbragError('unauthorized', `A token may have ${longestToken} characters.`);
  const { provider, keys } = issuerOf(token, issuers);
  const { payload, protectedHeader } = await jwtVerify(token, keys.find, {
    issuer: provider.issuer,
    audience: provider.audience,
    algorithms: [...(provider.algorithms ?? signatureAlgorithms)],
    requiredClaims: ['sub', 'exp'],
    currentDate: now,
  }).catch((error: unknown) => {
    throw refusal(error);
  });
  const { sub, exp } = payload as { sub: unknown; exp: number };
  if (
    protectedHeader.typ !== undefined &&
    !types.includes(protectedHeader.typ.toLowerCase().replace('application/', ''))
  )
    throw new DbragError('unauthorized', 'This token is for something else.');
  if (typeof sub !== 'string' || sub === '' || sub.length > longestSubject || sub.includes('\0'))
    throw new DbragError('unauthorized', `The sub of this token is not 1 to ${longestSubject} characters.`);
  if (provider.requireMfa && !isStrong(payload, provider))
    throw new DbragError('mfa_required', 'Sign in with a second factor: this token does not state one.');
  return { provider, subject: sub, expiresAt: exp * 1_000, claims: payload };
}

/** Read before anything is checked, and only to find out by whose keys to check. */
function issuerOf(token: string, issuers: readonly TrustedIssuer[]): TrustedIssuer {
  let issuer: unknown;
  try {
    issuer = decodeJwt(token).iss;
  } catch (cause) {
    throw new DbragError('unauthorized', 'This is neither an API key nor a token.', { cause });
  }
  const trusted = issuers.find(({ provider }) => provider.issuer === issuer);
  if (!trusted) throw new DbragError('unauthorized', 'Tokens of this issuer are not accepted here.');
  return trusted;
}

function refusal(error: unknown): unknown {
  if (error instanceof DbragError) return error;
  if (!(error instanceof errors.JOSEError) && !(error instanceof TypeError)) return error;
  const expired = error instanceof errors.JWTExpired;
  return new DbragError('unauthorized', expired ? 'This token has expired.' : 'This token is not valid.', {
    cause: error,
  });
}

/** RFC 8176: `mfa` says that several factors were asked for; single methods do not. */
function isStrong({ amr, acr }: JWTPayload, provider: IdentityProvider): boolean {
  if (Array.isArray(amr) && amr.includes('mfa')) return true;
  return typeof acr === 'string' && (provider.strongContexts ?? strongContexts).includes(acr);
}
