/**
 * What the first checks of a process take: every statement of both sets once, in an order of its own, each the first of its kind that
 * this process sees. Started by `main.ts`; prints milliseconds.
 */
import { checkStatement } from '../../shared/databases/firewall/check-statement.ts';
import { warmUpFirewall } from '../../shared/databases/firewall/warm-up.ts';
import { attacks } from '../support/firewall/attacks.ts';
import { honest } from '../support/firewall/honest.ts';
import { shop } from '../support/firewall/shop.ts';

const [seed = '1', warm = 'warm'] = process.argv.slice(2);
let state = Number(seed);
const random = () => {
  state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
  return state;
};
const ordered = [attacks, honest].flatMap((sets) => Object.values(sets).flat()).map((sql) => ({ sql, at: random() }));
ordered.sort((one, other) => one.at - other.at);

// Functions load the parser before they are asked; without warming, that alone is done here.
const loading = performance.now();
if (warm === 'warm') await warmUpFirewall();
else await checkStatement('SELECT 1', shop);
const loaded = performance.now() - loading;
const milliseconds: number[] = [];
for (const { sql } of ordered) {
  const began = performance.now();
  await checkStatement(sql, shop);
  milliseconds.push(performance.now() - began);
}
process.stdout.write(JSON.stringify({ loaded, milliseconds }));
