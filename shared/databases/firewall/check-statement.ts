import { type AllowedRelations, CataloguedTables, type CataloguedType } from './catalogued-tables.ts';
import { checkComplexity } from './complexity.ts';
import { quoteIdentifier, unwrap } from './names.ts';
import type { UnqualifiedTable, UsedNames } from './node-rules.ts';
import { type ParsedStatement, type SqlParser, sqlParser, type Tree } from './parser.ts';
import { type FirewallRule, Refusal } from './refusal.ts';
import { stripFence } from './strip-fence.ts';
import { walk } from './walker.ts';

export const largestStatementBytes = 20 * 1024;

export interface AcceptedStatement {
  readonly accepted: true;
  /** The text to run: the original, every table with its schema, without a code fence or a final semicolon. */
  readonly statement: string;
  /** The tables that it reads. */
  readonly tables: readonly { readonly schema: string; readonly name: string }[];
  /** Built-in functions and operators that it calls by name. */
  readonly functions: readonly string[];
  readonly operators: readonly string[];
  /** Types of the database's own that it casts to. */
  readonly types: readonly CataloguedType[];
}

export interface RejectedStatement {
  readonly accepted: false;
  readonly rule: FirewallRule;
  /** One sentence: what is wrong and what to do. */
  readonly detail: string;
}

/**
 * Decides whether one statement may be run against a database that is not ours: one SELECT, made of what is allowed by name, over
 * tables of the catalog. The statement that is accepted is parsed once more in the form in which it is run, so that what was looked at
 * and what is run are the same text.
 *
 * Postgres must read it as the parser does: `standard_conforming_strings` on, text in UTF-8.
 */
export async function checkStatement(
  sql: string,
  allowed: AllowedRelations,
): Promise<AcceptedStatement | RejectedStatement> {
  const parser = await sqlParser();
  try {
    return check(parser, sql, new CataloguedTables(allowed));
  } catch (error) {
    if (error instanceof Refusal) return { accepted: false, rule: error.rule, detail: error.message };
    throw error;
  }
}

function check(parser: SqlParser, sql: string, catalogued: CataloguedTables): AcceptedStatement {
  const text = readable(sql);
  const parsed = parseOne(parser, text);
  const { unqualified } = walk(parsed.statement, catalogued);
  const qualified = qualify(text, parsed, unqualified);
  const used = checkWrapped(parser, qualified, catalogued);
  return {
    accepted: true,
    statement: qualified,
    tables: used.tables,
    functions: [...used.functions],
    operators: [...used.operators],
    types: used.types,
  };
}

/** Before the parser sees it: it stops at NUL, and what is no Unicode is not the same bytes to everybody. */
function readable(sql: string): string {
  if (Buffer.byteLength(sql) > largestStatementBytes) {
    throw new Refusal('size', `A statement may be ${largestStatementBytes} bytes long; write a shorter one.`);
  }
  if (sql.includes('\0')) throw new Refusal('nul', 'The statement holds a NUL character; leave it out.');
  if (!sql.isWellFormed()) throw new Refusal('encoding', 'The statement is no well-formed Unicode; send it as UTF-8.');
  checkComplexity(sql);
  return stripFence(sql);
}

function parseOne(parser: SqlParser, sql: string): ParsedStatement {
  const [first, ...others] = parser.parse(sql);
  if (!first) throw new Refusal('one_statement', 'There is no statement; write one SELECT.');
  if (others.length > 0) throw new Refusal('one_statement', 'Only one statement can be run; send them one by one.');
  return first;
}

/** Names each table as it was found, so that nothing that the connection might put before it is read instead. */
function qualify(text: string, { from: begin, to }: ParsedStatement, unqualified: readonly UnqualifiedTable[]): string {
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  let from = begin;
  for (const { location, schema } of [...unqualified].sort((one, other) => one.location - other.location)) {
    parts.push(bytes.subarray(from, location), Buffer.from(`${quoteIdentifier(schema)}.`));
    from = location;
  }
  return Buffer.concat([...parts, bytes.subarray(from, to)])
    .toString()
    .trim();
}

/** A last line comment must not swallow what comes after the statement. */
export function wrapStatement(statement: string): string {
  return `SELECT * FROM (\n${statement}\n) AS result`;
}

/** Walks what will be run, where each table has its schema by now. */
function checkWrapped(parser: SqlParser, statement: string, catalogued: CataloguedTables): UsedNames {
  const [, outer] = unwrap(parseOne(parser, wrapStatement(statement)).statement);
  const [[type, from] = ['', {}], ...others] = ((outer.fromClause ?? []) as unknown[]).map(unwrap);
  if (type !== 'RangeSubselect' || others.length > 0) throw notTheSame();
  const used = walk(from.subquery as Tree, catalogued);
  if (used.unqualified.length > 0) throw notTheSame();
  return used;
}

function notTheSame(): Refusal {
  return new Refusal('syntax', 'The statement cannot be run as a part of another; write it as one plain SELECT.');
}
