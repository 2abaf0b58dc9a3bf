const longestFieldName = 200;

/** Names of a table's columns from its first row: blanks are numbered, endless ones cut, since every record repeats them. */
export function columnNames(header: readonly string[]): string[] {
  return header.map((cell, i) => cell.replace(/\s+/g, ' ').trim().slice(0, longestFieldName) || columnName(i));
}

/** @param position from 0 */
export function columnName(position: number): string {
  return `column ${position + 1}`;
}

/** Whether a table's first row names its columns: words, or years beside a word or a blank corner, each once. */
export function isHeader(row: readonly string[]): boolean {
  const names = row.map((cell) => cell.trim().toLowerCase()).filter((name) => name !== '');
  const isName = (name: string): boolean => !isValue(name) || /^(?:19|20)\d\d$/.test(name);
  const begins = row[0]?.trim() === '' || names.some((name) => !isValue(name));
  return names.length > 0 && begins && names.every(isName) && new Set(names).size === names.length;
}

/** A row as lines `name: value`; cells without a value say nothing. One cell's value stays on one line. */
export function record(names: readonly string[], row: readonly string[]): string {
  const lines: string[] = [];
  row.forEach((cell, i) => {
    const value = cell.replace(/\s+/g, ' ').trim();
    if (value !== '') lines.push(`${names[i] ?? columnName(i)}: ${value}`);
  });
  return lines.join('\n');
}

/** Numbers, dates, amounts: typical values below a header. */
function isValue(text: string): boolean {
  return /^[-+(]?[\p{Sc}\s]*[\d.,:/\s-]*\d[\d.,:/\s%)-]*[\p{Sc}\s]*(?:t[\d:.]+z?)?$/iu.test(text);
}
