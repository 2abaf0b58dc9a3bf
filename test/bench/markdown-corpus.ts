import { seededRandom } from '../support/database-random.ts';

export interface MarkdownDocument {
  readonly name: string;
  readonly content: string;
}

const roots =
  `account address air amount answer area arm art base battle bird board boat body book bottom box bridge brother building
  business capital captain car care case cause cell center chance change chart child church circle city class clear cloud coast color
  company condition contain control cook copy corn cost cotton country course court cover create crop cross crowd current dance day
  decide deep degree depend desert design develop difference direct distance doctor dollar door dream dress drive earth east edge effect
  electric element energy engine equal evening event example exercise experience expert eye face fact family farm field figure final
  finger finish fire fish flow flower food force forest form fraction friend front fruit game garden gas glass gold govern grand grass
  ground group guide hand head heart heat height hill history home horse hour house human hunt idea inch industry insect instrument
  interest iron island job joint journey key king kitchen lake land language laugh law lead leaf letter level lift light line list
  machine map mark market master material measure metal method middle milk mind minute moment money month moon morning motion mountain
  mouth music name nation nature neck night noise north note number object ocean office oil order organ oxygen page paint paper part path
  pattern people period person phrase picture piece place plain plan plane plant point port position power practice press problem process
  product property provide quart question radio rail rain range reason record region rest result rhythm river road rock room root rope
  rule salt sand scale school science sea season seat section seed segment sense sentence ship shoulder side sign silver skill slave sleep
  snow soil soldier solution sound south space speech spring square stand star state station steel step stone store story stream street
  string strong student substance sugar summer sun surface system table team temperature thought thousand time tone tool town trade train
  travel tree triangle truck tube unit valley value verb village voice vowel wall war water wave weather weight west wheel wife wild wind
  window winter woman wood word work world yard year`.split(/\s+/);
const endings = ['', '', '', 's', 'ed', 'ing', 'er', 'less', 'ful', 'ward'];
const small = ['the', 'of', 'and', 'a', 'to', 'in', 'is', 'that', 'for', 'it', 'was', 'on', 'with', 'as', 'by', 'at'];

/**
 * Documents of ten sections (or more) of about 200 tokens, each a chunk under the default settings; some hold a list or a table. No two sections
 * are alike, and the same number is always the same text.
 */
export function markdownDocument(number: number, sections = 10): MarkdownDocument {
  const random = seededRandom(number + 1);
  const pick = (from: readonly string[]): string => from[Math.floor(random() * from.length)] as string;
  const word = (): string => (random() < 0.45 ? pick(small) : pick(roots) + pick(endings));
  const words = (count: number): string => Array.from({ length: count }, word).join(' ');
  const sentence = (): string => {
    const text = words(12 + Math.floor(random() * 10));
    return `${(text[0] as string).toUpperCase()}${text.slice(1)}.`;
  };
  const paragraph = (count: number): string => Array.from({ length: count }, sentence).join(' ');
  const list = (): string => Array.from({ length: 4 }, () => `- ${words(8)}`).join('\n');
  const table = (): string =>
    ['| item | count |', '| --- | ---: |', ...Array.from({ length: 3 }, () => `| ${words(3)} | ${random()} |`)].join(
      '\n',
    );
  const section = (_: unknown, at: number): string => {
    const middle = at % 4 === 1 ? list() : at % 4 === 3 ? table() : paragraph(2);
    const parts = [`## ${at + 1}. ${words(3)}`, paragraph(3), middle, paragraph(3)];
    return parts.join('\n\n');
  };
  const body = Array.from({ length: sections }, section).join('\n\n');
  return { name: `document-${number}.md`, content: `# Document ${number}\n\n${body}\n` };
}

/** Two sections of about 200 tokens, unlike all others. */
export function onePage(number: number): MarkdownDocument {
  const { content } = markdownDocument(1_000_000 + number, 2);
  return { name: `page-${number}.md`, content };
}
