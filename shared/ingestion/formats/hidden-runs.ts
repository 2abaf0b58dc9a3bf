import { attribute, descendants, parseXml } from './xml.ts';

/** Tags that decide what is hidden: paragraphs, runs, their properties and styles. No `<` stands in one, so each search ends at the next. */
const tag = /<(\/?)w:(p|r|pPr|rPr|vanish|webHidden|rStyle|pStyle)\b([^<>]*?)(\/?)>/g;

interface OpenElement {
  readonly name: string;
  readonly start: number;
  isHidden: boolean;
}

/**
 * Ids of the styles that hide text.
 * @throws DocumentError when it is no XML
 */
export function hiddenStyles(stylesPart: Uint8Array): ReadonlySet<string> {
  const hidden = new Set<string>();
  for (const style of descendants(parseXml(stylesPart), 'style')) {
    const id = attribute(style, 'styleId');
    const [vanish] = descendants(style, 'vanish');
    if (id !== undefined && vanish && !off.has(attribute(vanish, 'val') ?? '')) hidden.add(id);
  }
  return hidden;
}

const off: ReadonlySet<string> = new Set(['0', 'false', 'off']);

/** WordprocessingML without the runs and paragraphs that Word does not show. */
export function withoutHiddenRuns(xml: string, styles: ReadonlySet<string>): string {
  if (styles.size === 0 && !xml.includes('<w:vanish')) return xml;
  const open: OpenElement[] = [];
  const pieces: string[] = [];
  let kept = 0;
  for (const match of xml.matchAll(tag)) {
    const [whole, closes, name = '', attributes = '', isEmpty] = match;
    if (closes) {
      const element = popUntil(open, name);
      if (!element?.isHidden || element.start < kept) continue;
      pieces.push(xml.slice(kept, element.start));
      kept = match.index + whole.length;
    } else if (name === 'vanish') hideIf(open, 'r', isOn(attributes));
    else if (name === 'rStyle') hideIf(open, 'r', styles.has(styleOf(attributes)));
    else if (name === 'pStyle') hideIf(open, 'p', styles.has(styleOf(attributes)));
    else if (!isEmpty && name !== 'webHidden') open.push({ name, start: match.index, isHidden: false });
  }
  return pieces.join('') + xml.slice(kept);
}

/** Properties stand directly in their element: `w:r/w:rPr/w:vanish`, `w:p/w:pPr/w:pStyle`. */
function hideIf(open: readonly OpenElement[], name: string, isHidden: boolean): void {
  const [owner, properties] = open.slice(-2);
  if (isHidden && owner?.name === name && properties?.name === `${name}Pr`) owner.isHidden = true;
}

function popUntil(open: OpenElement[], name: string): OpenElement | undefined {
  return open.at(-1)?.name === name ? open.pop() : undefined;
}

function styleOf(attributes: string): string {
  return /\bw:val="([^"]*)"/.exec(attributes)?.[1] ?? '';
}

function isOn(attributes: string): boolean {
  return !/\bw:val="(?:0|false|off)"/.test(attributes);
}
