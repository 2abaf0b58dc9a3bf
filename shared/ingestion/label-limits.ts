/** Limits of a document's name and labels, for uploads and posts alike. */
export const labelLimits = {
  documentNameLength: 255,
  members: 64,
  nameLength: 64,
  valueLength: 2_000,
} as const;

/** The labels that are within the limits. The others are dropped rather than refusing the file. */
export function fittingLabels(labels: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fitting = Object.entries(labels).filter(([name, value]) => isName(name) && isValue(value));
  return Object.fromEntries(fitting.slice(0, labelLimits.members));
}

/** The first of these that is a valid document name, truncated to the longest allowed. */
export function fittingName(...wanted: readonly (string | undefined)[]): string {
  const found = wanted.find((name) => name !== undefined && name.trim() !== '' && isStorable(name)) ?? 'untitled';
  const name = found.slice(0, labelLimits.documentNameLength);
  // Never cut inside a surrogate pair.
  return name.isWellFormed() ? name : name.slice(0, -1);
}

function isName(name: string): boolean {
  return name.length > 0 && name.length <= labelLimits.nameLength && isStorable(name);
}

function isValue(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= labelLimits.valueLength && isStorable(value);
  return typeof value === 'boolean' || Number.isFinite(value);
}

/** Postgres holds no U+0000, and JSON no lone surrogates. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}
