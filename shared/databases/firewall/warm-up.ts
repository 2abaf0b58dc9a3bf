import type { AllowedRelations } from './catalogued-tables.ts';
import { checkStatement } from './check-statement.ts';

/** Fictitious tables. */
const relations: AllowedRelations = {
  schemas: ['public'],
  types: [],
  tables: [
    { schema: 'public', name: 'a', columns: ['id', 'b_id', 'name', 'amount', 'at', 'tags'] },
    { schema: 'public', name: 'b', columns: ['id', 'name'] },
  ],
};

/** Between them made of what questions are mostly made of. */
const accepted = [
  `WITH RECURSIVE days AS (SELECT date '2026-01-01' AS day UNION ALL SELECT day + 1 FROM days WHERE day < date '2026-02-01')
   SELECT b.name AS "name", date_trunc('month', a.at) AS month, count(*) FILTER (WHERE a.amount > 0) AS sold, round(avg(a.amount), 2) AS mean
   FROM a JOIN b ON b.id = a.b_id LEFT JOIN days ON days.day = a.at::date
   WHERE a.at >= now() - interval '30 days' AND a.name ILIKE 'x%' AND a.amount BETWEEN 1 AND 2 AND a.id NOT IN (1, 2) AND b.name IS NOT NULL
   GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 3 DESC NULLS LAST LIMIT 10`,
  `SELECT id, sum(amount) OVER (PARTITION BY b_id ORDER BY at ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), rank() OVER w,
     CASE WHEN amount > 1 THEN 'more' ELSE coalesce(name, '-') END, extract(year FROM at), tags ->> 'k', ARRAY[1, 2], -amount * 2 / 3
   FROM a WINDOW w AS (ORDER BY amount) UNION ALL VALUES (1, 2, 3, 'x', 4, 'y', '{}', 5)`,
  `SELECT b.*, (SELECT max(amount) FROM a WHERE a.b_id = b.id) AS top FROM b CROSS JOIN LATERAL (SELECT unnest(ARRAY[b.id]) AS n) AS l
   WHERE EXISTS (SELECT 1 FROM a WHERE a.b_id = b.id) AND b.id = ANY (ARRAY[1, 2]) AND NOT (b.id > 3 OR b.name <> '')`,
  `SELECT string_agg(name, ', ' ORDER BY name), to_char(max(at), 'YYYY-MM'), count(DISTINCT b_id) FROM a GROUP BY GROUPING SETS ((b_id), ())`,
];
/** By a rule, and by the parser. */
const refused = ['SELECT pg_sleep(1)', 'SELECT FROM WHERE'];
export const warmUpSet = { relations, accepted, refused };
const rounds = 3;

let warming: Promise<void> | undefined;

/**
 * Loads the parser and checks fictitious statements, once per process, so that the first real statement is not checked by code that has
 * never run: 40 ms to load and 35 to warm up. Meant to run beside something that is awaited anyway; never throws, since the check itself
 * loads the parser where this could not.
 */
export function warmUpFirewall(): Promise<void> {
  warming ??= warmUp().catch(() => {
    warming = undefined;
  });
  return warming;
}

async function warmUp(): Promise<void> {
  for (let round = 0; round < rounds; round += 1)
    for (const statement of [...accepted, ...refused]) {
      await checkStatement(statement, relations);
      // Other work of this process gets its turn in between.
      await new Promise((resolve) => setImmediate(resolve));
    }
}
