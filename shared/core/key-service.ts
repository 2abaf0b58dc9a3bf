/** The purpose of a wrapped key: a key that was wrapped for one workspace cannot be unwrapped for another. */
export type KeyContext = Readonly<Record<string, string>>;

/** Creates and unwraps keys, which are encrypted with a key that never leaves the service. Throws `Outage` while the service does not answer. */
export interface KeyService {
  /** A new key of 32 bytes, plain and wrapped. */
  generate(context: KeyContext): Promise<{ readonly plain: Buffer; readonly wrapped: Buffer }>;
  /** @throws Error for another context than it was wrapped for, or bytes that were changed */
  unwrap(wrapped: Buffer, context: KeyContext): Promise<Buffer>;
}
