/** An OIDC issuer whose tokens are accepted, as the stage names it. */
export interface IdentityProvider {
  /** Exactly as in `iss`. */
  readonly issuer: string;
  /** What `aud` must be or hold. */
  readonly audience: string;
  /** Where the issuer's keys are; not set: where its discovery document says. */
  readonly keysUrl?: string;
  /** Of signatures; not set: those of `signatureAlgorithms`. */
  readonly algorithms?: readonly string[];
  /** Claims that say who may do what, for an issuer that can mint them and is trusted with every workspace. Not set: members are. */
  readonly claims?: ClaimNames;
  /** Whether a token must say that more than a password was asked for. */
  readonly requireMfa?: boolean;
  /** Values of `acr` that say so, beside `mfa` in `amr`; not set: those of `strongContexts`. */
  readonly strongContexts?: readonly string[];
}

export interface ClaimNames {
  /** Holds the id of a workspace (`ws_…`), or a list of them. */
  readonly workspace: string;
  /** Holds a role, or a list of words, of which the strongest role counts. */
  readonly role: string;
  /** Holds a list of ids of collections (`col_…`); a token without it sees all of them. */
  readonly collections?: string;
  /** Holds a list of ids of connections (`con_…`). */
  readonly connections?: string;
}

/** Public-key algorithms only: being able to check a signature must not mean being able to make one. */
export const signatureAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** OpenID Connect EAP ACR values 1.0, PAPE, REFEDS. */
export const strongContexts: readonly string[] = [
  'phr',
  'phrh',
  'http://schemas.openid.net/pape/policies/2007/06/multi-factor',
  'https://refeds.org/profile/mfa',
];
