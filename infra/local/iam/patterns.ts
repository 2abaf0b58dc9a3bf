import type { RequestContext } from './authorizer.ts';

/** Values of a context key, whatever its case; undefined when the request has no such key. */
export function contextValues(context: RequestContext, key: string): readonly string[] | undefined {
  const wanted = key.toLowerCase();
  const found = Object.keys(context).find((name) => name.toLowerCase() === wanted);
  const value = found === undefined ? undefined : context[found];
  return typeof value === 'string' ? [value] : value;
}

/** IAM's wildcards: `*` is any text, also none, `?` is one character. Policy variables must be filled in before. */
export function matchesPattern(pattern: string, text: string, ignoreCase = false): boolean {
  if (pattern === '*') return true;
  if (!/[*?]/.test(pattern)) return ignoreCase ? pattern.toLowerCase() === text.toLowerCase() : pattern === text;
  return expressionOf(pattern, ignoreCase).test(text);
}

const expressions = new Map<string, RegExp>();

/** Policies are few and asked often: every pattern is compiled once. */
function expressionOf(pattern: string, ignoreCase: boolean): RegExp {
  const key = `${ignoreCase ? 'i' : 's'}:${pattern}`;
  const known = expressions.get(key);
  if (known !== undefined) return known;
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, (sign) =>
    sign === '*' ? '.*' : sign === '?' ? '.' : `\\${sign}`,
  );
  const expression = new RegExp(`^${source}$`, ignoreCase ? 'is' : 's');
  expressions.set(key, expression);
  return expression;
}

/** ARNs are compared part by part, so that a wildcard does not reach across a colon (except in the last part). */
export function matchesArn(pattern: string, arn: string): boolean {
  const wanted = arnParts(pattern);
  const given = arnParts(arn);
  return given.length === 6 && wanted.length === 6 && wanted.every((part, at) => matchesPattern(part, given[at] ?? ''));
}

function arnParts(arn: string): string[] {
  const parts = arn.split(':');
  return parts.length < 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(':')];
}

/**
 * Fills in policy variables (`${aws:PrincipalTag/team}`, `${*}`, `${?}`, `${$}`); undefined when the request lacks one,
 * which makes the element match nothing. A value's own wildcards are literal in IAM; none of our keys can hold them.
 */
export function substituteVariables(pattern: string, context: RequestContext): string | undefined {
  if (!pattern.includes('${')) return pattern;
  let missing = false;
  const filled = pattern.replace(/\$\{([^}]*)\}/g, (_whole, name: string) => {
    if (name === '*' || name === '?' || name === '$') return name;
    const value = contextValues(context, name)?.[0];
    missing ||= value === undefined;
    return value ?? '';
  });
  return missing ? undefined : filled;
}
