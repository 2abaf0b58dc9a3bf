/** A refusal as AWS words it. Each protocol (JSON, S3's XML) writes it in its own form. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  readonly code: string;
  /** HTTP status of the answer. */
  readonly status: number;
  /** Fields that stand beside code and message in the answer's body. */
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, status = 400, fields: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.fields = fields;
  }
}
