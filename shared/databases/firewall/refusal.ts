/** Which rule a statement broke. Stable words: people and models act on them, tests and figures count them. */
export type FirewallRule =
  | 'size'
  | 'nul'
  | 'encoding'
  | 'syntax'
  | 'one_statement'
  | 'select_only'
  | 'depth'
  | 'node'
  | 'into'
  | 'locking'
  | 'parameter'
  | 'table'
  | 'column'
  | 'attribute'
  | 'function'
  | 'operator'
  | 'type'
  | 'collation'
  | 'constant';

/** Thrown inside the firewall and caught by it: nothing outside ever sees one. */
export class Refusal extends Error {
  readonly rule: FirewallRule;

  /** @param detail one sentence that says what to do */
  constructor(rule: FirewallRule, detail: string) {
    super(detail);
    this.name = 'Refusal';
    this.rule = rule;
  }
}

const shownCharacters = 60;

/** Something of the statement inside a sentence: shortened, on one line. */
export function shown(text: string): string {
  const line = text.replace(/\s+/g, ' ');
  return `"${line.length > shownCharacters ? `${line.slice(0, shownCharacters)}…` : line}"`;
}
