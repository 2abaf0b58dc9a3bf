/**
 * A matcher for Redis' glob patterns: `*`, `?`, `[abc]`, `[^a]`, `[a-z]`, `\x`. Patterns and keys hold one character per
 * byte. It backtracks only to the last star, so hostile patterns cost at most length × length.
 */
export function globMatcher(pattern: string): (text: string) => boolean {
  const tokens = tokenize(pattern);
  return (text) => matches(tokens, text);
}

type Token = 'star' | ((character: string) => boolean);

function tokenize(pattern: string): Token[] {
  const tokens: Token[] = [];
  for (let position = 0; position < pattern.length; position++) {
    const character = pattern[position] as string;
    if (character === '*') {
      if (tokens.at(-1) !== 'star') tokens.push('star');
    } else if (character === '?') {
      tokens.push(() => true);
    } else if (character === '[') {
      const end = classEnd(pattern, position);
      tokens.push(characterClass(pattern.slice(position + 1, end)));
      position = end;
    } else {
      const literal = character === '\\' && position + 1 < pattern.length ? (pattern[++position] as string) : character;
      tokens.push((candidate) => candidate === literal);
    }
  }
  return tokens;
}

function classEnd(pattern: string, start: number): number {
  let position = start + 1;
  while (position < pattern.length && pattern[position] !== ']') position += pattern[position] === '\\' ? 2 : 1;
  return Math.min(position, pattern.length);
}

function characterClass(body: string): (character: string) => boolean {
  const negated = body.startsWith('^');
  const ranges: [string, string][] = [];
  for (let position = negated ? 1 : 0; position < body.length; position++) {
    if (body[position] === '\\' && position + 1 < body.length) position += 1;
    const first = body[position] as string;
    if (body[position + 1] === '-' && position + 2 < body.length) {
      const last = body[position + 2] as string;
      ranges.push(first <= last ? [first, last] : [last, first]);
      position += 2;
    } else {
      ranges.push([first, first]);
    }
  }
  return (character) => ranges.some(([first, last]) => character >= first && character <= last) !== negated;
}

function matches(tokens: readonly Token[], text: string): boolean {
  let token = 0;
  let position = 0;
  let star = -1;
  let starPosition = 0;
  while (position < text.length) {
    const expected = tokens[token];
    if (expected === 'star') {
      star = token++;
      starPosition = position;
    } else if (expected?.(text[position] as string)) {
      token += 1;
      position += 1;
    } else if (star >= 0) {
      token = star + 1;
      position = ++starPosition;
    } else {
      return false;
    }
  }
  while (tokens[token] === 'star') token += 1;
  return token === tokens.length;
}
