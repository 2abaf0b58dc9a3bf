const mostColumns = 10;

/** Puts a table of a database into words: its name, its comment, what it holds and what it leads to. Understands nothing. */
export function describeTable(prompt: string): string {
  const lines = prompt.split('\n');
  const after = (label: string) =>
    lines.filter((line) => line.startsWith(label)).map((line) => line.slice(label.length).trim());
  const [name = 'table'] = after('table:');
  const [comment] = after('comment:');
  const columns = lines
    .filter((line) => line.startsWith('- '))
    .map((line) => inWords(line.slice(2).split(' ')[0] ?? ''));
  const leads = after('foreign key:').flatMap((key) => /-> (?:[^.]*\.)?(\S+)/.exec(key)?.[1] ?? []);
  const more = columns.length > mostColumns ? ` and ${columns.length - mostColumns} more` : '';
  const said = comment === undefined ? '' : ` ${comment.replace(/\.?$/, '.')}`;
  const refers = leads.length === 0 ? '' : ` It belongs to ${[...new Set(leads)].map(inWords).join(' and ')}.`;
  return `Each row is one of the ${inWords(name.replace(/^[^.]*\./, ''))}.${said} It holds ${columns.slice(0, mostColumns).join(', ')}${more}.${refers}`;
}

/** `customer_id` and `customerId` as people write them. */
function inWords(identifier: string): string {
  return identifier
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replace(/[_"]+/g, ' ')
    .trim()
    .toLowerCase();
}
