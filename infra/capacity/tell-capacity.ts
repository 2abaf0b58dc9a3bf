import type { StageSettings } from '../stage-settings.ts';
import { firstUsedUp, type Load, partsOf } from './parts.ts';
import { searchCapacity, secondsToIngest, simulateBurst } from './simulate-burst.ts';

const million = 1_000_000;

/** From a team's to more than one cluster can hold. */
const loads: readonly Load[] = [
  {
    name: '100 k chunks, 5 searches/s',
    chunks: 100_000,
    searchesPerSecond: 5,
    answersPerSecond: 0.2,
    documentsPerSecond: 0.1,
  },
  {
    name: '1 M chunks, 50 searches/s',
    chunks: million,
    searchesPerSecond: 50,
    answersPerSecond: 2,
    documentsPerSecond: 1,
  },
  {
    name: '10 M chunks, 500 searches/s',
    chunks: 10 * million,
    searchesPerSecond: 500,
    answersPerSecond: 20,
    documentsPerSecond: 10,
  },
  {
    name: '100 M chunks, 5,000 searches/s',
    chunks: 100 * million,
    searchesPerSecond: 5_000,
    answersPerSecond: 50,
    documentsPerSecond: 50,
  },
  {
    name: '100 M chunks, 50,000 searches/s',
    chunks: 100 * million,
    searchesPerSecond: 50_000,
    answersPerSecond: 80,
    documentsPerSecond: 100,
  },
];

const percent = (share: number): string => `${share < 0.095 ? (100 * share).toFixed(1) : Math.round(100 * share)} %`;
const rounded = (value: number): string => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'));
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
}

/** What stages can handle, which part of each runs out first, and what to change then; as Markdown. */
export function tellCapacity(stages: readonly StageSettings[]): string {
  return [firstTable(stages), '', changesTable(stages), '', burstTable(stages), '', ingestTable(stages)].join('\n');
}

function firstTable(stages: readonly StageSettings[]): string {
  const cell = (stage: StageSettings, load: Load) => {
    const { part, headroom } = firstUsedUp(partsOf(stage, load));
    return headroom >= 1
      ? `${part.name}, at ${rounded(headroom)} times this load`
      : `**${part.name}**: ${rounded(1 / headroom)} times the capacity`;
  };
  return table(
    ['first limit reached', ...stages.map(({ name }) => `\`${name}\``)],
    loads.map((load) => [load.name, ...stages.map((stage) => cell(stage, load))]),
  );
}

/** Of the largest stage: everything that must grow for a load, and by how much. */
function changesTable(stages: readonly StageSettings[]): string {
  const largest = stages.at(-1);
  if (!largest) throw new Error('There is no stage.');
  const rows = loads.flatMap((load) =>
    partsOf(largest, load)
      .filter(({ used, available }) => used > available)
      .toSorted((one, other) => other.used / other.available - one.used / one.available)
      .map(({ name, used, available, unit, change }) => [
        load.name,
        name,
        `${rounded(used)} of ${rounded(available)} ${unit}`,
        change,
      ]),
  );
  return table([`shortfalls of \`${largest.name}\``, 'part', 'needed', 'what to change'], rows);
}

function burstTable(stages: readonly StageSettings[]): string {
  const chunks = 100_000;
  const cells = stages.map((stage) => {
    const capacity = searchCapacity(stage, chunks);
    const shed = simulateBurst(capacity, 3, 60, { longestWait: 0.25, patience: 5 });
    const kept = simulateBurst(capacity, 3, 60, { longestWait: null, patience: 5 });
    return { capacity, shed, kept };
  });
  return table(
    ['searches, at three times the capacity for a minute', ...stages.map(({ name }) => `\`${name}\``)],
    [
      ['searches per second that can be served', ...cells.map(({ capacity }) => rounded(capacity))],
      ['served in time if the excess is refused at once', ...cells.map(({ shed }) => percent(shed.goodput))],
      ['longest wait among these', ...cells.map(({ shed }) => `${shed.longestWait.toFixed(2)} s`)],
      ['served in time if everybody waits', ...cells.map(({ kept }) => percent(kept.goodput))],
    ],
  );
}

function ingestTable(stages: readonly StageSettings[]): string {
  const cell = (stage: StageSettings, documents: number) => {
    const { seconds, station } = secondsToIngest(stage, documents);
    const time = seconds < 3_600 ? `${rounded(seconds / 60)} min` : `${rounded(seconds / 3_600)} h`;
    return `${time} (${station})`;
  };
  return table(
    ['time until all are ready (limited by)', ...stages.map(({ name }) => `\`${name}\``)],
    [10_000, million, 10 * million].map((documents) => [
      `${documents.toLocaleString('en')} documents at once`,
      ...stages.map((stage) => cell(stage, documents)),
    ]),
  );
}
