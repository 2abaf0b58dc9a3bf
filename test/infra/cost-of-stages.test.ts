import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { priceStage, type StageCost } from '../../infra/cost/price-stage.ts';
import { floorLine, tellCosts } from '../../infra/cost/tell-costs.ts';
import { withTables } from '../../infra/cost/write-document.ts';
import { stageNamed } from '../../infra/stages.ts';
import { stageOfOnesOwn } from './stage-of-ones-own.ts';

/** US dollars a month: a change of a template that costs more than this is a decision. */
const floors = { small: 35, standard: 220, production: 800 } as const;
const documents = { small: 145, standard: 310, production: 850 } as const;
const names = ['small', 'standard', 'production'] as const;

describe('the bill', () => {
  const costs = new Map<string, StageCost>(names.map((name) => [name, priceStage(stageNamed(name))]));
  const of = (name: string): StageCost => costs.get(name) ?? expect.fail(`${name} was not priced`);

  it.each(names)('of %s stays within its budgets', (name) => {
    const { floor, workloads } = of(name);
    const [team] = workloads;
    expect(floor).toBeLessThanOrEqual(floors[name]);
    expect(team?.total).toBeLessThanOrEqual(documents[name]);
    expect(team?.fits).toBe(true);
    // Or its owner would be written to every month.
    expect(team?.total).toBeLessThan(0.8 * (stageNamed(name).operations.budget?.monthlyDollars ?? 0));
  });

  it('of a million documents needs more than the small stage', () => {
    expect(names.map((name) => of(name).workloads.at(-1)?.fits)).toEqual([false, true, true]);
  });

  it('of a network of one’s own has neither NAT nor flow logs', () => {
    const own = priceStage(stageOfOnesOwn);
    const told = own.idle.map(({ what }) => what);
    for (const what of ['NAT', 'flow logs']) {
      expect(of('production').idle.map((line) => line.what)).toContain(what);
      expect(told).not.toContain(what);
    }
  });

  it('is told in a line before a deploy', () => {
    expect(floorLine({ ...of('small'), floor: 29.734 })).toMatch(
      /^While nobody asks, small costs about \$29\.73 a month/,
    );
  });

  it('is what the document says: `npm run cost -- --write`', () => {
    const document = readFileSync(new URL('../../docs/cost.md', import.meta.url), 'utf8');
    expect(document).toBe(withTables(document, tellCosts([...costs.values()])));
  });
});
