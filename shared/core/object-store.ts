/** The properties of an object, without its bytes. */
export interface ObjectHead {
  readonly bytes: number;
  readonly contentType: string | undefined;
  /** S3's version id of these bytes. */
  readonly versionId: string | undefined;
  /** User metadata: names without the `x-amz-meta-` prefix, in lower case. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface StoredObject extends ObjectHead {
  readonly body: Uint8Array;
}

export interface PresignedRequest {
  readonly url: string;
  /** Headers that the signature fixes: a request that sends others is refused. */
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: Date;
}

/** Where the bytes of documents are. All methods, and the streams and uploads that they give, throw `Outage` while the store does not answer. */
export interface ObjectStore {
  put(key: string, body: Uint8Array, options: { contentType: string }): Promise<{ versionId: string | undefined }>;
  /**
   * Reads a whole object. Undefined when it, or the asked version of it, is not there.
   * @throws ObjectTooLarge before reading, when it has more than `maximumBytes`
   */
  get(
    key: string,
    options: { versionId?: string | undefined; maximumBytes: number },
  ): Promise<StoredObject | undefined>;
  head(key: string): Promise<ObjectHead | undefined>;
  /** Up to 1,000 keys under a prefix, in order, after a key. */
  list(prefix: string, after?: string): Promise<readonly { key: string; bytes: number; modifiedAt: Date }[]>;
  /** Removes the current version of each key; a versioned bucket keeps the old bytes until its lifecycle rule. */
  delete(keys: readonly string[]): Promise<void>;
  /** How many versions and delete markers are under a prefix, 1,000 at most. */
  countVersions(prefix: string): Promise<number>;
  /**
   * Removes bytes for good: versions under a prefix, and their delete markers; what was removed is in no bucket any more.
   * @param only these versions of the one key that `prefix` is, where they are not its current one
   * @returns how many went
   */
  purge(prefix: string, only?: readonly string[]): Promise<number>;
  /** The bytes of an object as they come, for what is too large to hold. Undefined when it is not there. */
  stream(key: string, versionId?: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** An object of unknown length, written in parts; it is there once it is completed, and nothing of it is before. */
  beginUpload(key: string, options: { contentType: string }): Promise<ObjectUpload>;
  /** @param options.contentType of the document: a PDF is shown in the browser, everything else is saved */
  presignGet(
    key: string,
    options: { versionId?: string | undefined; fileName: string; contentType?: string | undefined },
  ): Promise<PresignedRequest>;
  presignPut(key: string, options: { contentType: string; bytes: number }): Promise<PresignedRequest>;
}

export interface ObjectUpload {
  /** Takes the next part: all but the last have at least 5 MiB. Returns when another may be given, which may be before this is stored. */
  write(part: Uint8Array): Promise<void>;
  complete(): Promise<void>;
  abort(): Promise<void>;
}

export class ObjectTooLarge extends Error {
  readonly bytes: number;
  constructor(key: string, bytes: number) {
    super(`The object ${key} has ${bytes} bytes.`);
    this.name = 'ObjectTooLarge';
    this.bytes = bytes;
  }
}
