/** Why a document's version failed: the words that stand in `error.code` of documents, versions and jobs. */
export const documentErrorCodes = [
  'unsupported_media_type',
  'encrypted_file',
  'corrupt_file',
  'file_expands_too_far',
  'file_too_large',
  'no_text_found',
  'empty_file',
  'object_missing',
  'bad_embedding',
  'retries_exhausted',
  'deadline_exceeded',
  'quota_exceeded',
  'superseded',
  'upload_expired',
] as const;

export type DocumentErrorCode = (typeof documentErrorCodes)[number];

/** A fault of the document itself: no retry helps, so the version fails with this code, and other documents continue. */
export class DocumentError extends Error {
  readonly code: DocumentErrorCode;
  constructor(code: DocumentErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DocumentError';
    this.code = code;
  }
}
