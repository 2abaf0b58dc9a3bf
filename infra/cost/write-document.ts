const beginOf = (command: string) => `<!-- written by \`npm run ${command} -- --write\` -->`;
const end = '<!-- end -->';

/** The document with new tables in place of those between its two marks. @throws Error when a mark is missing */
export function withTables(document: string, tables: string, command = 'cost'): string {
  const begin = beginOf(command);
  const from = document.indexOf(begin);
  const to = document.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error('The document has no place for the tables.');
  return `${document.slice(0, from)}${begin}\n\n${tables}\n\n${document.slice(to)}`;
}
