/** A table as the prompt tells it. */
export interface ReadTable {
  /** As SQL writes it, with its schema. */
  readonly name: string;
  /** Without schema and quotes. */
  readonly plainName: string;
  readonly about: string;
  readonly keys: readonly string[];
  readonly foreign: readonly {
    readonly columns: readonly string[];
    readonly table: string;
    readonly to: readonly string[];
  }[];
  readonly columns: readonly {
    /** Without quotes. */
    readonly name: string;
    /** As SQL writes it. */
    readonly sql: string;
    readonly type: string;
    /** All that there are, where there are few. */
    readonly values: readonly string[];
  }[];
}

const schema = /<tables-(\w+)>\n([\s\S]*?)\n<\/tables-\1>/;
const column = /^- ("(?:[^"]|"")+"|\S+) (.+?)(?: \((?:[^()]|\([^()]*\))*\))?(?: values: (.*))?$/;
const foreignKey = /^foreign key: (.+) -> (.+) \((.+)\)$/;

/** The tables between the tags of a prompt. */
export function readTables(prompt: string): readonly ReadTable[] {
  const body = schema.exec(prompt)?.[2] ?? '';
  return body
    .split(/^(?=table: )/m)
    .filter((part) => part.startsWith('table: '))
    .map(readTable);
}

function readTable(text: string): ReadTable {
  const lines = text.split('\n').map((line) => line.trim());
  const after = (labelled: string) =>
    lines
      .find((line) => line.startsWith(labelled))
      ?.slice(labelled.length)
      .trim() ?? '';
  const name = after('table:');
  return {
    name,
    plainName: unquoted(name.replace(/^(?:"(?:[^"]|"")+"|[^."]+)\./, '')),
    about: `${after('about:')} ${after('comment:')}`,
    keys: names(after('primary key:')),
    foreign: lines.flatMap((line) => {
      const [, columns, table, to] = foreignKey.exec(line) ?? [];
      return columns && table && to ? [{ columns: names(columns), table, to: names(to) }] : [];
    }),
    columns: lines.flatMap((line) => {
      const [, sql, type, values] = column.exec(line) ?? [];
      if (!sql || !type) return [];
      return [{ name: unquoted(sql), sql, type, values: values ? values.split(', ') : [] }];
    }),
  };
}

const names = (list: string): string[] => (list === '' ? [] : list.split(', '));
const unquoted = (name: string): string => name.replace(/^"|"$/g, '').replaceAll('""', '"');
