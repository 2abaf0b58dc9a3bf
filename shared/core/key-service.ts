/** What a wrapped key is for: a key that was wrapped for one workspace is not opened for another. */
export type KeyContext = Readonly<Record<string, string>>;

/** Creates and unwraps keys that are themselves encrypted by a key that nobody can take away. Throws `Outage` while it does not answer. */
export interface KeyService {
  /** A new key of 32 bytes, plain and wrapped. */
  generate(context: KeyContext): Promise<{ readonly plain: Buffer; readonly wrapped: Buffer }>;
  /** @throws Error for another context than it was wrapped for, or bytes that were changed */
  unwrap(wrapped: Buffer, context: KeyContext): Promise<Buffer>;
}
