/**
 * `npm run bench:split`: how long the splitter takes for texts of several shapes, tokens counted, and how that grows from 1 to 10 MB.
 * One shape after the other in this process, each once before it is timed; the median of three.
 */
import type { TextFormat } from '../../shared/ingestion/boundary-kinds.ts';
import { defaultChunking, split } from '../../shared/ingestion/split.ts';
import { loadTokenCounter } from '../../shared/ingestion/token-counter.ts';
import { markdownDocument } from './markdown-corpus.ts';
import { median, report } from './statistics.ts';

const bars = { milliseconds: 2_000, growth: 15 };
const megabyte = 1_000_000;
const repeats = 3;

function prose(bytes: number): string {
  const documents: string[] = [];
  for (let i = 0, length = 0; length < bytes; i += 1) {
    const { content } = markdownDocument(i);
    documents.push(content);
    length += content.length;
  }
  return documents.join('\n\n');
}

/** Different numbers in each repetition, so that no table of counts knows everything. */
function numbered(bytes: number, unit: (i: number) => string): string {
  const units: string[] = [];
  for (let i = 0, length = 0; length < bytes; i += 1) {
    const next = unit(i);
    units.push(next);
    length += Buffer.byteLength(next);
  }
  return units.join('');
}

/** Park and Miller's minimal standard generator: letters that no dictionary has. */
function letters(bytes: number): string {
  const codes = Buffer.alloc(bytes);
  for (let i = 0, state = 11; i < bytes; i += 1) {
    state = (state * 48_271) % 2_147_483_647;
    codes[i] = 97 + (state % 26);
  }
  return codes.toString('latin1');
}

const chinese = '人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。';
const code = (i: number): string =>
  `export function step${i}(values: readonly number[]): number {\n  // Sum of what is left.\n  return values.slice(${i}).reduce((sum, value) => sum + value, 0);\n}\n\n`;

const shapes: readonly (readonly [name: string, format: TextFormat, text: (bytes: number) => string])[] = [
  ['Markdown', 'markdown', prose],
  ['plain prose', 'plain', (bytes) => prose(bytes).replaceAll('#', '')],
  ['Chinese', 'plain', (bytes) => numbered(bytes, (i) => `${chinese}${i % 7 === 0 ? `${i}\n` : ''}`)],
  ['code in one fence', 'markdown', (bytes) => `\`\`\`ts\n${numbered(bytes, code)}\`\`\``],
  ['a table', 'markdown', (bytes) => `| n | a |\n|---|---|\n${numbered(bytes, (i) => `| ${i} | value ${i % 97} |\n`)}`],
  ['records', 'records', (bytes) => numbered(bytes, (i) => `id: ${i}\nname: person ${i % 97}\nnote: none\n\n`)],
  ['one unbroken run of letters', 'plain', letters],
  ['one unbroken run of one letter', 'plain', (bytes) => 'x'.repeat(bytes)],
  ['emoji without a break', 'plain', (bytes) => numbered(bytes, () => '👩‍👩‍👧')],
];

const counter = await loadTokenCounter();

function millisecondsOf(text: string, format: TextFormat): number {
  const taken: number[] = [];
  for (let i = 0; i <= repeats; i += 1) {
    const started = performance.now();
    let tokens = 0;
    for (const chunk of split({ text, format, mediaType: 'x' }, defaultChunking, counter)) tokens += chunk.tokenCount;
    if (tokens === 0) throw new Error('Nothing was counted.');
    if (i > 0) taken.push(performance.now() - started);
  }
  return median(taken);
}

for (const [name, format, textOf] of shapes) {
  const one = millisecondsOf(textOf(megabyte), format);
  const ten = millisecondsOf(textOf(10 * megabyte), format);
  const { milliseconds, growth } = bars;
  report(`${name}: 10 MB`, `${ten.toFixed(0)} ms`, { text: `<= ${milliseconds} ms`, met: ten <= milliseconds });
  const ratio = ten / one;
  report(`${name}: 10 MB over 1 MB`, ratio.toFixed(1), { text: `<= ${growth}`, met: ratio <= growth });
}
