import { readFileSync, writeFileSync } from 'node:fs';
import { priceStage } from '../infra/cost/price-stage.ts';
import { tellCosts } from '../infra/cost/tell-costs.ts';
import { withTables } from '../infra/cost/write-document.ts';
import { findStage } from '../infra/stage-files.ts';

/**
 * Prints what stages cost, those of ours or those that are named: `npm run cost`, `npm run cost -- example`. `--write` puts the tables of
 * ours into `docs/cost.md`.
 */
const ours = ['small', 'standard', 'production'];
const options = process.argv.slice(2);
const named = options.filter((option) => !option.startsWith('--'));
const stages = await Promise.all((named.length > 0 ? named : ours).map((name) => findStage(name)));
const told = tellCosts(stages.map(priceStage));
if (options.includes('--write')) {
  if (named.length > 0) throw new Error('docs/cost.md holds the stages of ours: name none.');
  const document = new URL('../docs/cost.md', import.meta.url);
  writeFileSync(document, withTables(readFileSync(document, 'utf8'), told));
} else console.log(told);
