/**
 * Which messages of a batch a function's result leaves in the queue: the identifiers it reported, or all of them when the
 * report cannot be believed. Source: "Implementing partial batch responses", Lambda Developer Guide. A misspelt
 * `batchItemFailures` is an absent one, hence a success: exactly as dangerous here as there.
 */
export function failuresOf(result: unknown, messageIds: readonly string[]): ReadonlySet<string> {
  const none = new Set<string>();
  const all = new Set(messageIds);
  if (result === null || result === undefined) return none;
  if (Array.isArray(result)) return result.length === 0 ? none : all;
  if (typeof result !== 'object') return all;
  const failures = (result as { batchItemFailures?: unknown }).batchItemFailures;
  if (failures === null || failures === undefined) return none;
  if (!Array.isArray(failures)) return all;
  const reported = failures.map((failure: { itemIdentifier?: unknown } | null) => failure?.itemIdentifier);
  const believable = reported.every((id): id is string => typeof id === 'string' && all.has(id));
  return believable ? new Set(reported) : all;
}
