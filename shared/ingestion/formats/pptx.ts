import { sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { MarkdownWriter } from './markdown-writer.ts';
import { relationships, requirePart } from './office-archive.ts';
import { PageBuilder } from './pages.ts';
import { attribute, childOf, descendants, elementsOf, parseXml, type XmlElement } from './xml.ts';
import { ZipArchive } from './zip-archive.ts';

const presentation = 'ppt/presentation.xml';

/** Presentations: a slide is a page, its title a heading, the speaker's notes behind its text. Hidden slides keep their number only. */
export const parsePptx: Parser = async (bytes) => {
  const archive = new ZipArchive(bytes);
  const pages = new PageBuilder();
  for (const part of slideParts(archive)) {
    const slide = parseXml(requirePart(archive, part));
    pages.add(attribute(slide, 'show') === '0' ? '' : sanitise(slideText(slide, notesOf(archive, part))));
  }
  return {
    ...pages.finish(),
    format: 'markdown',
    mediaType: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  };
};

function slideParts(archive: ZipArchive): string[] {
  const links = relationships(archive, presentation);
  const list = childOf(parseXml(requirePart(archive, presentation)), 'sldIdLst');
  return (list ? elementsOf(list) : []).flatMap((slide) => links.get(relationshipId(slide) ?? '')?.target ?? []);
}

/** `r:id`, beside the slide's own `id`. */
function relationshipId({ attributes }: XmlElement): string | undefined {
  return Object.entries(attributes).find(([name]) => name.endsWith(':id'))?.[1];
}

function notesOf(archive: ZipArchive, slidePart: string): XmlElement | undefined {
  const notes = [...relationships(archive, slidePart).values()].find(({ type }) => type === 'notesSlide');
  const bytes = notes && archive.read(notes.target);
  return bytes && parseXml(bytes);
}

function slideText(slide: XmlElement, notes: XmlElement | undefined): string {
  const writer = new MarkdownWriter();
  const tree = childOf(childOf(slide, 'cSld'), 'spTree');
  if (tree) writeShapes(tree, writer);
  for (const shape of notes ? descendants(notes, 'sp') : []) {
    if (placeholder(shape) === 'body') writeParagraphs(shape, writer);
  }
  return writer.toString();
}

function writeShapes(group: XmlElement, writer: MarkdownWriter): void {
  for (const shape of elementsOf(group)) {
    if (isHidden(shape)) continue;
    const kind = placeholder(shape);
    if (shape.name === 'grpSp') writeShapes(shape, writer);
    else if (shape.name === 'graphicFrame') writeTables(shape, writer);
    else if (kind === 'title' || kind === 'ctrTitle') writer.addHeading(1, paragraphs(shape).join(' '));
    // Numbers, dates and footers stand on every slide alike.
    else if (shape.name === 'sp' && !['sldNum', 'dt', 'ftr', 'hdr'].includes(kind ?? ''))
      writeParagraphs(shape, writer);
  }
}

function writeTables(frame: XmlElement, writer: MarkdownWriter): void {
  for (const table of descendants(frame, 'tbl')) {
    const rows = elementsOf(table).filter(({ name }) => name === 'tr');
    writer.addTable(
      rows.map((row) => elementsOf(row).flatMap((cell) => (cell.name === 'tc' ? paragraphs(cell).join(' ') : []))),
    );
  }
}

function writeParagraphs(shape: XmlElement, writer: MarkdownWriter): void {
  for (const paragraph of paragraphs(shape)) {
    writer.addInline(paragraph);
    writer.addLineBreak();
  }
  writer.endBlock();
}

function paragraphs(shape: XmlElement): string[] {
  return [...descendants(shape, 'p')].map((paragraph) =>
    elementsOf(paragraph)
      .map((run) => (run.name === 'br' ? ' ' : (childOf(run, 't')?.children.join('') ?? '')))
      .join(''),
  );
}

/** The role of a shape: `title`, `body`, `sldNum`; undefined for an independent shape. */
function placeholder(shape: XmlElement): string | undefined {
  for (const name of ['nvSpPr', 'nvGraphicFramePr', 'nvPicPr']) {
    const found = childOf(childOf(childOf(shape, name), 'nvPr'), 'ph');
    if (found) return attribute(found, 'type') ?? 'body';
  }
  return undefined;
}

function isHidden(shape: XmlElement): boolean {
  const properties = elementsOf(shape).find(({ name }) => /^nv.*Pr$/.test(name));
  const own = childOf(properties, 'cNvPr');
  return own !== undefined && ['1', 'true'].includes(attribute(own, 'hidden') ?? '');
}
