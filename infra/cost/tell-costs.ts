import { prices as modelPrices } from '../../shared/usage/prices.ts';
import { modelCost } from './price-models.ts';
import type { StageCost } from './price-stage.ts';
import { type CostLine, dollarsOf, pricesAsOf, pricesRegion } from './prices.ts';
import { workloads } from './workloads.ts';

const dollars = (amount: number): string =>
  amount.toLocaleString('en', {
    style: 'currency',
    currency: 'USD',
    maximumFractionDigits: amount < 100 ? 2 : 0,
    minimumFractionDigits: amount < 100 ? 2 : 0,
  });

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** By what it is for, dearest first. */
function grouped(lines: readonly CostLine[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const line of lines) sums.set(line.what, (sums.get(line.what) ?? 0) + dollarsOf(line));
  return sums;
}

/** The idle cost of a stage, in one line. */
export function floorLine({ stage, floor }: StageCost): string {
  return `While nobody asks, ${stage} costs about ${dollars(floor)} a month for AWS (${pricesRegion}, ${pricesAsOf}): npm run cost -- ${stage}`;
}

/** The costs of stages, as Markdown. */
export function tellCosts(stages: readonly StageCost[]): string {
  return [
    `On-demand prices of ${pricesRegion} as of ${pricesAsOf}, US dollars a month, without taxes and free tiers.`,
    '',
    idleTable(stages),
    '',
    workloadTable(stages),
    '',
    modelTable(),
  ].join('\n');
}

function idleTable(stages: readonly StageCost[]): string {
  const sums = stages.map(({ idle }) => grouped(idle));
  const names = [...new Set(sums.flatMap((sum) => [...sum.keys()]))];
  const most = (name: string) => Math.max(...sums.map((sum) => sum.get(name) ?? 0));
  names.sort((one, other) => most(other) - most(one));
  const cell = (sum: ReadonlyMap<string, number>, name: string) => (sum.has(name) ? dollars(sum.get(name) ?? 0) : '');
  return table(
    ['while nobody asks', ...stages.map(({ stage }) => `\`${stage}\``)],
    [
      ...names.map((name) => [name, ...sums.map((sum) => cell(sum, name))]),
      ['**idle floor**', ...stages.map(({ floor }) => `**${dollars(floor)}**`)],
    ],
  );
}

function workloadTable(stages: readonly StageCost[]): string {
  const cell = ({ total, capacity, fits }: StageCost['workloads'][number]) =>
    `${dollars(total)} at ${capacity} ACU${fits ? '' : ', **too small**'}`;
  return table(
    ['AWS in all, with', ...stages.map(({ stage }) => `\`${stage}\``)],
    Object.values(workloads).map(({ name }, at) => [
      name,
      ...stages.map((stage) => {
        const priced = stage.workloads[at];
        return priced ? cell(priced) : '';
      }),
    ]),
  );
}

function modelTable(): string {
  const chatModels = modelPrices.filter(({ output }) => output > 0);
  return table(
    ['chat model, paid to its provider', 'an answer', '10 k answers a day', 'price as of'],
    chatModels.map(({ model, asOf }) => {
      const cost = modelCost({ chatModel: model, embeddingModel: 'text-embedding-3-small' }, workloads.team);
      return [`\`${model}\``, `$${cost.query.toFixed(4)}`, dollars(cost.queriesOfMonth), asOf];
    }),
  );
}
