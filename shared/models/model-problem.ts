import { DbragError } from '../core/errors.ts';
import type { ModelError } from './model-error.ts';

/** What a caller is told of a model that failed: whether it is worth coming back. */
export function problemOfModel(error: ModelError): DbragError {
  if (error.retryable) {
    return new DbragError('model_unavailable', error.message, {
      retryable: true,
      retryAfterSeconds: error.retryAfterSeconds ?? 5,
      cause: error,
    });
  }
  return new DbragError('model_failed', error.message, { cause: error });
}
