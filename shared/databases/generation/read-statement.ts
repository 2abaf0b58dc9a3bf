/** A model's response to a request for a statement. */
export type ReadStatement =
  | { readonly kind: 'statement'; readonly sql: string; readonly assumptions: readonly string[] }
  /** It says that the tables do not hold the answer. */
  | { readonly kind: 'unanswerable'; readonly reason: string }
  /** Nothing that could be a statement, or more than one. */
  | { readonly kind: 'unreadable'; readonly reason: string };

const fence = /```[^\S\n]*([a-z]*)[^\S\n]*\n?([\s\S]*?)(?:```|$)/gi;
const beginning = /^\s*(?:\(\s*)*(?:select|with|values|table)\b/i;
/** Whatever begins as SQL does, so that what is no SELECT is refused by the firewall, which names the rule, and not taken for prose. */
const anyStatement =
  /^\s*(?:insert|update|delete|merge|drop|alter|create|truncate|grant|revoke|copy|do|call|begin|commit|rollback|set|reset|explain|vacuum|analyze|lock|declare|prepare|execute|listen|notify|load|refresh|reindex|show|comment|security|import)\b/i;
const statedAssumption = /^\s*(?:[-*•]\s*)?assumptions?\s*:\s*(.*)$/i;
const cannot = /^\s*(?:[-*•]\s*)?cannot answer\b\s*:?\s*(.*)$/im;
const mostAssumptions = 8;
const longestSentence = 300;

/**
 * Finds the statement in what a model wrote: in its fence, as the `sql` of a JSON object, or as the lines from the first that begins as
 * SQL does. Whether it may be run is for the firewall to say.
 */
export function readStatement(written: string): ReadStatement {
  const text = written.trim();
  const { code, prose } = fromJson(text) ?? split(text);
  const statements = [...new Set(code.map((each) => each.trim()).filter((each) => each !== ''))];
  if (statements.length > 1)
    return { kind: 'unreadable', reason: 'There was more than one statement; write one SELECT.' };
  const [sql] = statements;
  if (sql !== undefined) return { kind: 'statement', sql, assumptions: assumptionsOf(prose) };
  const reason = cannot.exec(prose)?.[1];
  if (reason !== undefined) return { kind: 'unanswerable', reason: sentence(reason) };
  return { kind: 'unreadable', reason: 'There was no statement; write one SELECT in one fence.' };
}

interface Parts {
  readonly code: readonly string[];
  readonly prose: string;
}

function split(text: string): Parts {
  const fenced = [...text.matchAll(fence)];
  if (fenced.length > 0) return { code: fenced.map((match) => match[2] ?? ''), prose: text.replace(fence, '\n') };
  const lines = text.split('\n');
  const from = lines.findIndex((line) => beginning.test(line) || anyStatement.test(line));
  // "With the tables given, …" begins as SQL does, and is none.
  if (from < 0 || isSentence(lines.slice(from).join('\n'))) return { code: [], prose: text };
  const after = lines.slice(from).findIndex((line) => statedAssumption.test(line) || cannot.test(line));
  const to = after < 0 ? lines.length : from + after;
  return {
    code: [lines.slice(from, to).join('\n')],
    prose: [...lines.slice(0, from), ...lines.slice(to)].join('\n'),
  };
}

function isSentence(text: string): boolean {
  return /^\s*with\b/i.test(text) && !/\bas\s*(?:(?:not\s+)?materialized\s*)?\(/i.test(text);
}

/** Some models answer in JSON whatever they are asked for. */
function fromJson(text: string): Parts | undefined {
  const body = /^```(?:json)?\s*(\{[\s\S]*\})\s*```$/i.exec(text)?.[1] ?? text;
  if (!body.startsWith('{')) return undefined;
  try {
    const { sql, assumptions } = JSON.parse(body) as { sql?: unknown; assumptions?: unknown };
    if (typeof sql !== 'string') return undefined;
    const lines = Array.isArray(assumptions) ? assumptions.filter((each) => typeof each === 'string') : [];
    return { code: [sql], prose: lines.map((line) => `Assumption: ${line.replace(/\s+/g, ' ')}`).join('\n') };
  } catch {
    return undefined;
  }
}

function assumptionsOf(prose: string): string[] {
  const found = prose.split('\n').flatMap((line) => statedAssumption.exec(line)?.[1] ?? []);
  const sentences = found.map(sentence).filter((each) => each !== '' && !/^none\b\.?$/i.test(each));
  return [...new Set(sentences)].slice(0, mostAssumptions);
}

/** Shown to people: plain words, no links. */
function sentence(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\b(?:https?:\/\/|www\.)\S+/gi, '')
    .replace(/<[^>]*>/g, '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, longestSentence);
}
