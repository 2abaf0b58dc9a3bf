/**
 * Secrets that a test cloud is given, and what a test's callers send and get: none of them may ever be seen anywhere else. A key of the
 * model provider that nothing else looks like, so that finding it means that it leaked.
 */
export const modelKeyCanary = 'sk-canary-9f27c1e84b5d40a6model';
/** Whatever has the form of an API key is one: only the answer that makes it may hold it. */
const apiKeyForm = /dbrag_[0-9A-Za-z]{36}/;

/** @returns the texts that hold one of the secrets, or an API key, shortened */
export function leaks(texts: Iterable<string>, secrets: readonly string[]): string[] {
  const found: string[] = [];
  for (const text of texts)
    if (apiKeyForm.test(text) || secrets.some((secret) => secret !== '' && text.includes(secret)))
      found.push(text.slice(0, 500));
  return found;
}
