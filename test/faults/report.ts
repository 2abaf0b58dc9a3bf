import type { Campaign } from './campaign.ts';
import type { RunSettings } from './run.ts';
import type { Outcome } from './run-campaign.ts';

export const headline = ({ seed, documents, long }: RunSettings, worlds: number, seconds: number): string =>
  `seed ${seed}, ${documents} documents, ${long ? 'long' : 'short'}, ${worlds} ${worlds === 1 ? 'world' : 'worlds'}; all stood after ${seconds.toFixed(0)} s\n`;

/** Of one campaign. */
const mostFaults = 8;

/** A line for each campaign with its figures, and one for each fault that was found. */
export function table(outcomes: readonly Outcome[]): string {
  return outcomes.map(linesOf).join('');
}

function linesOf({ campaign, passed, seconds, figures, faults }: Outcome): string {
  const told = figures.map(({ name, value, met }) => `${name} ${value}${met === false ? ' (MISSED)' : ''}`).join(', ');
  const lines = [
    `${passed ? 'pass' : 'FAIL'} ${campaign.id.padEnd(5)} ${campaign.fault.padEnd(64)} ${seconds.toFixed(1).padStart(6)} s  ${told}`,
    ...faults.slice(0, mostFaults).map((fault) => `       ${fault}`),
    ...(faults.length > mostFaults ? [`       and ${faults.length - mostFaults} more`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** The row of the matrix. */
export const describe = ({ id, fault, expected, criteria }: Campaign): string =>
  `${id.padEnd(5)} ${fault}\n      expected: ${expected}\n      holds: ${criteria}\n`;
