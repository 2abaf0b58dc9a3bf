import { strToU8, zipSync } from 'fflate';

/** A ZIP file of these parts, in this order. */
export function zipOf(parts: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const entries = Object.entries(parts).map(
    ([name, part]) => [name, typeof part === 'string' ? strToU8(part) : part] as const,
  );
  return Buffer.from(zipSync(Object.fromEntries(entries)));
}

const relationshipsUri = 'http://schemas.openxmlformats.org/package/2006/relationships';
const officeUri = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const xml = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';

export function relationshipsPart(targets: Readonly<Record<string, readonly [type: string, target: string]>>): string {
  const list = Object.entries(targets).map(
    ([id, [type, target]]) => `<Relationship Id="${id}" Type="${officeUri}/${type}" Target="${target}"/>`,
  );
  return `${xml}<Relationships xmlns="${relationshipsUri}">${list.join('')}</Relationships>`;
}

/** WordprocessingML of a paragraph. */
export function paragraph(text: string, style = '', runProperties = ''): string {
  const properties = style && `<w:pPr><w:pStyle w:val="${style}"/></w:pPr>`;
  const run = runProperties && `<w:rPr>${runProperties}</w:rPr>`;
  return `<w:p>${properties}<w:r>${run}<w:t xml:space="preserve">${text}</w:t></w:r></w:p>`;
}

export function wordParts(body: string, extra: Readonly<Record<string, string | Uint8Array>> = {}) {
  const main = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
  const style = (id: string, name: string, type = 'paragraph', properties = ''): string =>
    `<w:style w:type="${type}" w:styleId="${id}"><w:name w:val="${name}"/><w:rPr>${properties}</w:rPr></w:style>`;
  const contentTypes =
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>';
  return {
    '[Content_Types].xml': contentTypes,
    '_rels/.rels': relationshipsPart({ r1: ['officeDocument', 'word/document.xml'] }),
    'word/_rels/document.xml.rels': relationshipsPart({ r1: ['styles', 'styles.xml'] }),
    'word/styles.xml': `${xml}<w:styles ${main}>${style('Titel', 'Title')}${style('berschrift1', 'heading 1')}${style('Unseen', 'Unseen', 'character', '<w:vanish/>')}</w:styles>`,
    'word/document.xml': `${xml}<w:document ${main}><w:body>${body}</w:body></w:document>`,
    ...extra,
  };
}

const drawing = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"';
const presentation = `xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="${officeUri}" ${drawing}`;

/** A shape of a slide; `type` is that of its placeholder. */
export function shape(type: string, ...lines: readonly string[]): string {
  const paragraphs = lines.map((line) => `<a:p><a:r><a:t>${line}</a:t></a:r></a:p>`).join('');
  const placeholder = type && `<p:ph type="${type}"/>`;
  return `<p:sp><p:nvSpPr><p:cNvPr id="1" name="x"/><p:cNvSpPr/><p:nvPr>${placeholder}</p:nvPr></p:nvSpPr><p:txBody>${paragraphs}</p:txBody></p:sp>`;
}

export interface SampleSlide {
  readonly shapes: string;
  readonly notes?: string;
  readonly isHidden?: boolean;
}

/** Slides whose files are numbered backwards: only the relationships tell their order. */
export function samplePptx(slides: readonly SampleSlide[]): Buffer {
  const file = (i: number): number => slides.length - i;
  const parts: Record<string, string> = {
    '[Content_Types].xml': '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    'ppt/presentation.xml': `${xml}<p:presentation ${presentation}><p:sldIdLst>${slides.map((_, i) => `<p:sldId id="${256 + i}" r:id="s${i}"/>`).join('')}</p:sldIdLst></p:presentation>`,
    'ppt/_rels/presentation.xml.rels': relationshipsPart(
      Object.fromEntries(slides.map((_, i) => [`s${i}`, ['slide', `slides/slide${file(i)}.xml`]])),
    ),
  };
  slides.forEach(({ shapes, notes, isHidden }, i) => {
    const hidden = isHidden ? ' show="0"' : '';
    parts[`ppt/slides/slide${file(i)}.xml`] =
      `${xml}<p:sld ${presentation}${hidden}><p:cSld><p:spTree>${shapes}</p:spTree></p:cSld></p:sld>`;
    if (notes === undefined) return;
    parts[`ppt/slides/_rels/slide${file(i)}.xml.rels`] = relationshipsPart({
      n: ['notesSlide', `../notesSlides/notesSlide${i}.xml`],
    });
    parts[`ppt/notesSlides/notesSlide${i}.xml`] =
      `${xml}<p:notes ${presentation}><p:cSld><p:spTree>${shape('body', notes)}${shape('sldNum', '7')}</p:spTree></p:cSld></p:notes>`;
  });
  return zipOf(parts);
}

type Cell = string | number | { readonly date: number };

export interface SampleSheet {
  readonly name: string;
  readonly rows: readonly (readonly Cell[])[];
  readonly isHidden?: boolean;
}

export function sampleXlsx(sheets: readonly SampleSheet[], prolog = ''): Buffer {
  const main = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="${officeUri}"`;
  const cell = (value: Cell, row: number, column: number): string => {
    const place = `r="${String.fromCharCode(65 + column)}${row + 1}"`;
    if (typeof value === 'string') return `<c ${place} t="inlineStr"><is><t>${value}</t></is></c>`;
    if (typeof value === 'number') return `<c ${place}><v>${value}</v></c>`;
    return `<c ${place} s="1"><v>${value.date}</v></c>`;
  };
  const links = sheets.map((_, i) => [`s${i}`, ['worksheet', `worksheets/sheet${i + 1}.xml`]] as const);
  const parts: Record<string, string> = {
    '[Content_Types].xml': '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    '_rels/.rels': relationshipsPart({ r1: ['officeDocument', 'xl/workbook.xml'] }),
    'xl/workbook.xml': `${xml}<workbook ${main}><sheets>${sheets.map(({ name, isHidden }, i) => `<sheet name="${name}" sheetId="${i + 1}"${isHidden ? ' state="hidden"' : ''} r:id="s${i}"/>`).join('')}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': relationshipsPart({
      ...Object.fromEntries(links),
      st: ['styles', 'styles.xml'],
    }),
    'xl/styles.xml': `${xml}<styleSheet ${main}><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs></styleSheet>`,
  };
  sheets.forEach(({ rows }, i) => {
    const body = rows.map((row, y) => `<row r="${y + 1}">${row.map((value, x) => cell(value, y, x)).join('')}</row>`);
    parts[`xl/worksheets/sheet${i + 1}.xml`] =
      `${xml}${prolog}<worksheet ${main}><sheetData>${body.join('')}</sheetData></worksheet>`;
  });
  return zipOf(parts);
}

export function sampleEpub(chapters: Readonly<Record<string, string>>, extra: Readonly<Record<string, string>> = {}) {
  const names = Object.keys(chapters);
  const items = names.map(
    (name, i) => `<item id="c${i}" href="${encodeURIComponent(name)}" media-type="application/xhtml+xml"/>`,
  );
  return zipOf({
    mimetype: 'application/epub+zip',
    'META-INF/container.xml':
      '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
    'OEBPS/book.opf': `<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>${[...items].reverse().join('')}</manifest><spine><itemref idref="nav"/>${names.map((_, i) => `<itemref idref="c${i}"/>`).join('')}</spine></package>`,
    'OEBPS/nav.xhtml': '<html><body><nav>Contents</nav></body></html>',
    ...Object.fromEntries(names.map((name) => [`OEBPS/${name}`, chapters[name] as string])),
    ...extra,
  });
}

/** OpenDocument of one kind: `text`, `presentation`, `spreadsheet`. */
export function openDocument(kind: string, content: string, manifest = ''): Buffer {
  const office = 'urn:oasis:names:tc:opendocument:xmlns:';
  const names = ['office', 'text', 'table', 'presentation', 'manifest']
    .map((name) => `xmlns:${name}="${office}${name}:1.0"`)
    .join(' ');
  return zipOf({
    mimetype: `application/vnd.oasis.opendocument.${kind}`,
    'META-INF/manifest.xml': `<manifest:manifest ${names}>${manifest}</manifest:manifest>`,
    'content.xml': `${xml}<office:document-content ${names} xmlns:draw="${office}drawing:1.0"><office:body><office:${kind}>${content}</office:${kind}></office:body></office:document-content>`,
  });
}

/** An OLE file whose directory names the streams of an encrypted Office document; 512-byte sectors. */
export function encryptedOffice(): Buffer {
  const file = Buffer.alloc(512 * 4);
  Buffer.from([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]).copy(file);
  ['Root Entry', 'EncryptionInfo', 'EncryptedPackage'].forEach((name, i) => {
    Buffer.from(name, 'utf16le').copy(file, 512 * 2 + i * 128);
    file.writeUInt16LE((name.length + 1) * 2, 512 * 2 + i * 128 + 64);
  });
  return file;
}
