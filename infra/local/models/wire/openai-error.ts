/** An error in OpenAI's shape: `{ error: { message, type, param, code } }` with its HTTP status. */
export class OpenAiError extends Error {
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;

  constructor(status: number, message: string, detail: { type?: string; param?: string; code?: string } = {}) {
    super(message);
    this.status = status;
    this.type = detail.type ?? 'invalid_request_error';
    this.param = detail.param ?? null;
    this.code = detail.code ?? null;
  }

  body(): { error: { message: string; type: string; param: string | null; code: string | null } } {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.code } };
  }
}

export function invalidParameter(param: string, message: string, code?: string): OpenAiError {
  return new OpenAiError(400, message, code === undefined ? { param } : { param, code });
}
