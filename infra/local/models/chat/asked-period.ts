const months = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];

/** The year, or the month of a year, that a question names: days as ISO 8601 writes them, the second is the first day after it. */
export function askedPeriod(question: string): { readonly from: string; readonly to: string } | undefined {
  const year = /\b(19|20)\d\d\b/.exec(question)?.[0];
  if (!year) return undefined;
  const month = months.findIndex((name) => new RegExp(`\\b${name}\\b`, 'i').test(question));
  if (month >= 0) return { from: day(Number(year), month), to: day(Number(year), month + 1) };
  return { from: day(Number(year), 0), to: day(Number(year) + 1, 0) };
}

function day(year: number, month: number): string {
  return new Date(Date.UTC(year, month, 1)).toISOString().slice(0, 10);
}
