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

/** What the grammar writes in the place of an operator's name. */
const words = ['BETWEEN', 'NOT BETWEEN', 'BETWEEN SYMMETRIC', 'NOT BETWEEN SYMMETRIC'];

export const allowedOperators: ReadonlySet<string> = new Set([...symbols.flatMap((line) => line.split(' ')), ...words]);
