import { readFileSync, writeFileSync } from 'node:fs';
import { tellCapacity } from '../infra/capacity/tell-capacity.ts';
import { withTables } from '../infra/cost/write-document.ts';
import { findStage } from '../infra/stage-files.ts';

/**
 * Says what stages can do and which part of them is used up first, ours or those that are named: `npm run simulate`, `npm run simulate --
 * example`. `--write` puts the tables of ours into `docs/scaling.md`.
 */
const ours = ['small', 'standard', 'production'];
const options = process.argv.slice(2);
const named = options.filter((option) => !option.startsWith('--'));
const told = tellCapacity(await Promise.all((named.length > 0 ? named : ours).map((name) => findStage(name))));
if (options.includes('--write')) {
  if (named.length > 0) throw new Error('docs/scaling.md holds the stages of ours: name none.');
  const document = new URL('../docs/scaling.md', import.meta.url);
  writeFileSync(document, withTables(readFileSync(document, 'utf8'), told, 'simulate'));
} else console.log(told);
