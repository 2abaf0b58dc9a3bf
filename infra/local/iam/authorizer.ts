/** One statement of an IAM policy, with every intrinsic resolved. Condition values are compared as strings. */
export interface PolicyStatement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

/** The holder of an access key: a function's role, or the person at the machine (`administrator`: may do everything). */
export interface Principal {
  readonly name: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly statements: readonly PolicyStatement[] | 'administrator';
}

/** Condition keys of a request (`kms:ViaService`), by any spelling of their case; some have several values (`aws:TagKeys`). */
export type RequestContext = Readonly<Record<string, string | readonly string[]>>;

/** The authorisation check of every AWS stand-in. */
export interface Authorizer {
  principalOf(accessKeyId: string): Principal | undefined;
  /** False when the principal's statements do not allow `action` (`s3:GetObject`) on `resource` (an ARN), or deny it. Records what was used. */
  allows(principal: Principal, action: string, resource: string, context?: RequestContext): boolean;
}
