import { describe, expect, it } from 'vitest';
import { parseDocx } from '../../../../shared/ingestion/formats/docx.ts';
import { parseEpub } from '../../../../shared/ingestion/formats/epub.ts';
import { parseOpenDocument } from '../../../../shared/ingestion/formats/open-document.ts';
import { parsePdf } from '../../../../shared/ingestion/formats/pdf.ts';
import { parsePptx } from '../../../../shared/ingestion/formats/pptx.ts';
import { parseXlsx } from '../../../../shared/ingestion/formats/xlsx.ts';
import type { Parser } from '../../../../shared/ingestion/parse.ts';
import type { ParsedDocument } from '../../../../shared/ingestion/parsed-document.ts';
import { split } from '../../../../shared/ingestion/split.ts';
import { loadTokenCounter } from '../../../../shared/ingestion/token-counter.ts';
import {
  openDocument,
  paragraph,
  relationshipsPart,
  sampleEpub,
  samplePptx,
  sampleXlsx,
  shape,
  wordParts,
  zipOf,
} from './sample-archives.ts';
import { encryptedPdf, samplePdf } from './sample-pdf.ts';

const read = (parser: Parser, bytes: Uint8Array): Promise<ParsedDocument> => parser(bytes, { name: 'x' });
const pagesOf = ({ text, pageStarts = [] }: ParsedDocument): string[] =>
  pageStarts.map((start, i) => text.slice(start, pageStarts[i + 1]).trim());

describe('PDF', () => {
  it('keeps lines, paragraphs and pages, those without text too', async () => {
    const document = await read(parsePdf, samplePdf([['One (a)', 'two', '', 'three'], [], ['last page']]));
    expect(pagesOf(document)).toEqual(['One (a)\ntwo\n\nthree', '', 'last page']);
  });

  it('gives every chunk its page and its own text', async () => {
    const page = (i: number): string[] =>
      Array.from({ length: 30 }, (_, line) => `Page ${i} line ${line} tells something.`);
    const document = await read(parsePdf, samplePdf([page(1), page(2), page(3)]));
    const settings = { maxTokens: 60, overlapTokens: 0 };
    const chunks = [...split(document, settings, await loadTokenCounter())];
    expect(new Set(chunks.map(({ location }) => location.page))).toEqual(new Set([1, 2, 3]));
    for (const { text, location } of chunks) {
      expect(document.text.slice(location.start, location.end)).toBe(text);
      expect(text).toContain(`Page ${location.page} line`);
    }
  });

  it('knows a password when it meets one', async () => {
    await expect(read(parsePdf, encryptedPdf('secret'))).rejects.toMatchObject({ code: 'encrypted_file' });
    expect((await read(parsePdf, encryptedPdf(''))).text).toBe('secret');
  });
});

describe('DOCX', () => {
  const docx = async (body: string): Promise<string> => (await read(parseDocx, zipOf(wordParts(body)))).text;

  it('keeps headings and tables', async () => {
    const cell = (text: string): string => `<w:tc>${paragraph(text)}</w:tc>`;
    const row = (...cells: string[]): string => `<w:tr>${cells.map(cell).join('')}</w:tr>`;
    const table = `<w:tbl>${row('k', 'v')}${row('1', 'a|b')}</w:tbl>`;
    expect(await docx(paragraph('Title', 'Titel') + paragraph('Part', 'berschrift1') + paragraph('text') + table)).toBe(
      '# Title\n\n# Part\n\ntext\n\n| k | v |\n| --- | --- |\n| 1 | a\\|b |',
    );
  });

  it('puts notes behind the text', async () => {
    const main = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"';
    const parts = wordParts('<w:p><w:r><w:t>text</w:t></w:r><w:r><w:footnoteReference w:id="1"/></w:r></w:p>', {
      'word/footnotes.xml': `<w:footnotes ${main}><w:footnote w:id="1">${paragraph('the note')}</w:footnote></w:footnotes>`,
      'word/_rels/document.xml.rels': relationshipsPart({ r1: ['footnotes', 'footnotes.xml'] }),
    });
    expect((await read(parseDocx, zipOf(parts))).text).toBe('text[1]\n\n1. the note');
  });

  it('leaves hidden text out, by property and by style, and no other', async () => {
    const text = await docx(
      paragraph('shown') +
        paragraph('hidden', '', '<w:b/><w:vanish/>') +
        paragraph('unseen', '', '<w:rStyle w:val="Unseen"/>') +
        paragraph('visible', '', '<w:vanish w:val="0"/>') +
        `<w:p><w:pPr><w:rPr><w:vanish/></w:rPr></w:pPr><w:r><w:t>mark only</w:t></w:r></w:p>`,
    );
    expect(text).toBe('shown\n\nvisible\n\nmark only');
  });
});

describe('PPTX', () => {
  it('is a page for each slide, in the order of the presentation', async () => {
    const table =
      '<p:graphicFrame><a:graphic><a:graphicData><a:tbl><a:tr><a:tc><a:p><a:r><a:t>k</a:t></a:r></a:p></a:tc><a:tc><a:p><a:r><a:t>v</a:t></a:r></a:p></a:tc></a:tr></a:tbl></a:graphicData></a:graphic></p:graphicFrame>';
    const document = await read(
      parsePptx,
      samplePptx([
        { shapes: shape('title', 'First') + shape('', 'a', 'b') + shape('sldNum', '1'), notes: 'say this' },
        { shapes: shape('title', 'Hidden'), isHidden: true },
        { shapes: shape('ctrTitle', 'Third') + table },
      ]),
    );
    expect(pagesOf(document)).toEqual(['# First\n\na\nb\n\nsay this', '', '# Third\n\n| k | v |\n| --- | --- |']);
  });
});

describe('XLSX', () => {
  it('gives each shown sheet its name and each row its header', async () => {
    const { text } = await read(
      parseXlsx,
      sampleXlsx([
        { name: 'Sales', rows: [['Report'], ['city', '# sold', 'day'], ['Rome', 3, { date: 46_000 }], ['Oslo', 4.5]] },
        { name: 'Hidden', rows: [['x']], isHidden: true },
        { name: 'Raw', rows: [[1, 2]] },
      ]),
    );
    expect(text).toBe(
      '# Sales\n\nReport\n\ncity: Rome\n\\# sold: 3\nday: 2025-12-09\n\ncity: Oslo\n\\# sold: 4.5\n\n# Raw\n\ncolumn 1: 1\ncolumn 2: 2',
    );
  });
});

describe('EPUB', () => {
  it('reads the chapters in the order of the spine, without the table of contents', async () => {
    const chapter = (title: string): string =>
      `<?xml version="1.0"?><!DOCTYPE html><html><head><title/></head><body><h1>${title}</h1><p>text<a id="x"/> of ${title}</p></body></html>`;
    const { text } = await read(parseEpub, sampleEpub({ 'z one.xhtml': chapter('One'), 'a.xhtml': chapter('Two') }));
    expect(text).toBe('# One\n\ntext of One\n\n# Two\n\ntext of Two');
  });

  it('knows encrypted chapters from obfuscated fonts', async () => {
    const encryption = (uri: string) => ({
      'META-INF/encryption.xml': `<encryption><EncryptedData><CipherData><CipherReference URI="${uri}"/></CipherData></EncryptedData></encryption>`,
    });
    const chapters = { 'a.xhtml': '<p>words</p>' };
    expect((await read(parseEpub, sampleEpub(chapters, encryption('OEBPS/font.otf')))).text).toBe('words');
    await expect(read(parseEpub, sampleEpub(chapters, encryption('OEBPS/a.xhtml')))).rejects.toMatchObject({
      code: 'encrypted_file',
    });
  });
});

describe('OpenDocument', () => {
  const textOf = async (bytes: Uint8Array): Promise<string> => (await read(parseOpenDocument, bytes)).text;

  it('reads texts: headings, lists, spaces; no remarks', async () => {
    const content =
      '<text:h text:outline-level="2">Head</text:h><text:p>a<text:s text:c="3"/><text:span>b</text:span><office:annotation><text:p>remark</text:p></office:annotation></text:p><text:list><text:list-item><text:p>i</text:p></text:list-item></text:list>';
    expect(await textOf(openDocument('text', content))).toBe('## Head\n\na b\n\n- i');
  });

  it('reads spreadsheets, whatever fills them up to their edges', async () => {
    const cell = (text: string): string => `<table:table-cell><text:p>${text}</text:p></table:table-cell>`;
    const empty = '<table:table-cell table:number-columns-repeated="16384"/>';
    const rows = [`${cell('city')}${cell('n')}${empty}`, `${cell('Rome')}${cell('3')}`].map(
      (row) => `<table:table-row>${row}</table:table-row>`,
    );
    const rest = `<table:table-row table:number-rows-repeated="1048576">${empty}</table:table-row>`;
    const table = `<table:table table:name="S">${rows.join('')}${rest}</table:table>`;
    expect(await textOf(openDocument('spreadsheet', table))).toBe('# S\n\ncity: Rome\nn: 3');
  });

  it('is a page for each slide', async () => {
    const frame = (text: string, kind = ''): string =>
      `<draw:frame${kind && ` presentation:class="${kind}"`}><draw:text-box><text:p>${text}</text:p></draw:text-box></draw:frame>`;
    const slides = `<draw:page>${frame('T', 'title')}${frame('x')}</draw:page><draw:page>${frame('y')}</draw:page>`;
    expect(pagesOf(await read(parseOpenDocument, openDocument('presentation', slides)))).toEqual(['# T\n\nx', 'y']);
  });

  it('knows a password when it meets one', async () => {
    const manifest = '<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>';
    const encrypted = openDocument('text', '<text:p>x</text:p>', manifest);
    await expect(textOf(encrypted)).rejects.toMatchObject({ code: 'encrypted_file' });
  });
});
