/**
 * Operators of pg_catalog that compute and nothing else. Left out: `@@@` (deprecated), the pattern operators of index classes
 * (`~<~`), and those of record images (`*=`).
 */
const symbols = [
  '+ - * / % ^ |/ ||/ @ & | # ~ << >>',
  '= <> < > <= >= ||',
  '~~ ~~* !~~ !~~* ~* !~ !~* ^@',
  '-> ->> #> #>> @> <@ ? ?| ?& #- @? @@',
  '&& -|- &< &> <<= >>= !! <->',
];

/** Names that the grammar uses in place of an operator. */
const words = ['BETWEEN', 'NOT BETWEEN', 'BETWEEN SYMMETRIC', 'NOT BETWEEN SYMMETRIC'];

export const allowedOperators: ReadonlySet<string> = new Set([...symbols.flatMap((line) => line.split(' ')), ...words]);
