/**
 * Seconds that a provider asks to be left alone, from any of the forms in use: `retry-after-ms`, `retry-after` in seconds (with
 * fractions), `retry-after` as an HTTP date (RFC 9110, 10.2.3).
 * @returns undefined when it says nothing that can be understood
 */
export function retryAfterSeconds(
  header: (name: string) => string | null | undefined,
  now: number,
): number | undefined {
  const milliseconds = nonNegative(header('retry-after-ms'));
  if (milliseconds !== undefined) return milliseconds / 1_000;
  const text = header('retry-after');
  const seconds = nonNegative(text);
  if (seconds !== undefined) return seconds;
  const date = Date.parse(text ?? '');
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1_000);
}

function nonNegative(text: string | null | undefined): number | undefined {
  return text && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
}
