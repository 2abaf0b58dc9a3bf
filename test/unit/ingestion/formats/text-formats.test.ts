import { describe, expect, it } from 'vitest';
import { parseDelimited } from '../../../../shared/ingestion/formats/delimited.ts';
import { parseEmail } from '../../../../shared/ingestion/formats/email.ts';
import { parseHtml } from '../../../../shared/ingestion/formats/html.ts';
import { parseJson } from '../../../../shared/ingestion/formats/json.ts';
import type { Parser } from '../../../../shared/ingestion/parse.ts';
import { sniffType } from '../../../../shared/ingestion/sniff-type.ts';

const read = async (parser: Parser, text: string | Uint8Array, name = 'x', contentType?: string): Promise<string> =>
  (await parser(Buffer.from(text), { name, contentType: contentType ?? null })).text;

describe('HTML', () => {
  it('keeps headings, lists, tables and code, and words as they are written', async () => {
    const html = `<h1>A &amp; B</h1><p>One\n  two <b>bold</b> snake_case 1. <a href="https://x.org">link</a><br>next
      <ul><li>a<li>b<ol start=3><li>c</ol></ul><table><tr><th>k<th>v<tr><td>1|<td colspan=2>2</table><pre>x\n  y</pre>`;
    expect(await read(parseHtml, html)).toBe(
      '# A & B\n\nOne two bold snake_case 1. link\nnext\n\n- a\n- b\n  3. c\n\n| k | v |  |\n| --- | --- | --- |\n| 1\\| | 2 |  |\n\n```\nx\n  y\n```',
    );
  });

  it('leaves out what is around the text, hidden or never shown', async () => {
    const html = `<title>Page</title><script>no()</script><style>p{}</style><nav>no</nav><header>no</header>
      <article><header><h2>Kept</h2></header><p>text</article><aside>no</aside><footer>no</footer>
      <p hidden>no<p style="color:red; display: none">no<p aria-hidden=true>no<div role=navigation>no</div><noscript>no</noscript>`;
    expect(await read(parseHtml, html)).toBe('# Page\n\n## Kept\n\ntext');
  });

  it('reads what the page names its main part, unless that is empty', async () => {
    const around = '<div>Press S to search</div>';
    expect(await read(parseHtml, `${around}<main><h1>T</h1>text<nav>no</nav></main>`)).toBe('# T\n\ntext');
    expect(await read(parseHtml, '<div>text</div><main></main>')).toBe('text');
  });

  it('parts paragraphs by two line breaks', async () => {
    expect(await read(parseHtml, 'one<br>line<br>\n<br>two')).toBe('one\nline\n\ntwo');
  });

  it('keeps a header that holds the title, and a page that is all header', async () => {
    expect(await read(parseHtml, '<header><h1>Title</h1></header><p>text')).toBe('# Title\n\ntext');
    expect(await read(parseHtml, '<header>only this</header>')).toBe('only this');
  });

  it('reads through tables that are there for the layout', async () => {
    const inner = '<table><tr><td>k<td>v</table>';
    expect(await read(parseHtml, `<table><tr><td>menu<td><h2>T</h2>${inner}</table>`)).toBe(
      'menu\n\n## T\n\n| k | v |\n| --- | --- |',
    );
  });

  it('makes no heading of a line that only begins like one', async () => {
    expect(await read(parseHtml, '<p># no heading<p>``` no fence')).toBe('\\# no heading\n\n\\``` no fence');
  });

  it('believes the encoding that the page names', async () => {
    const page = Buffer.from('<meta charset=windows-1251><p>\xcf\xf0\xe8', 'latin1');
    expect(await read(parseHtml, page)).toBe('При');
  });
});

describe('CSV', () => {
  it.each([
    ['commas and quotes', 'name,note\nAda,"x, ""y""\nz"\nBob,', 'name: Ada\nnote: x, "y" z\n\nname: Bob'],
    ['semicolons', 'name;age\nAda;1,5', 'name: Ada\nage: 1,5'],
    ['no header', '1,2\n3,4', 'column 1: 1\ncolumn 2: 2\n\ncolumn 1: 3\ncolumn 2: 4'],
    ['years as columns', ',2024,2025\nRome,1,2', 'column 1: Rome\n2024: 1\n2025: 2'],
    ['rows of any length', 'a,b\n1\n1,2,3', 'a: 1\n\na: 1\nb: 2\ncolumn 3: 3'],
    ['a quote that stays open', 'a,b\n"x,1\ny,2', 'a: "x\nb: 1\n\na: y\nb: 2'],
    ['only a header', 'name,age\n', 'name\nage'],
  ])('reads %s', async (_, csv, text) => {
    expect(await read(parseDelimited, csv, 'x.csv')).toBe(text);
  });

  it('reads tabs', async () => {
    expect(await read(parseDelimited, 'a\tb\n1,5\t2', 'x.tsv')).toBe('a: 1,5\nb: 2');
  });
});

describe('JSON', () => {
  it.each([
    ['an object', '{"a":{"b":[1,2],"c":[{"x":1},{"x":null}]},"t":"hi"}', 'a.b: 1, 2\n\na.c[0].x: 1\n\nt: hi'],
    ['an array of records', '[{"a":1,"b":"x"},{"a":2}]', 'a: 1\nb: x\n\na: 2'],
    ['lines of records', '{"a":1}\n{"a":"}"}\n\n', 'a: 1\n\na: }'],
    ['a string with everything', '["a\\"]\\u00e9",[]]', 'a"]é'],
    ['a bare value', ' 12 ', '12'],
  ])('reads %s', async (_, json, text) => {
    expect(await read(parseJson, json)).toBe(text);
  });

  it.each(['{"a":1', '[1,,2]', '{a:1}', 'words', '[1] [2', '"open', ']'])('refuses %s', async (json) => {
    await expect(read(parseJson, json)).rejects.toMatchObject({ code: 'corrupt_file' });
  });

  it('reads long arrays in parts as it would in one', async () => {
    const count = 1_200_000;
    const numbers = Array.from({ length: count }, (_, i) => i % 10);
    const text = await read(parseJson, JSON.stringify([...numbers, { last: 'yes' }]));
    expect(text.endsWith('last: yes')).toBe(true);
    expect(text.match(/\d/g)?.length).toBe(count);
  });

  it.each([
    ['10 million levels', '['.repeat(10_000_000)],
    ['10 million values', `[${'1,'.repeat(10_000_001)}1]`],
    ['one value that cannot be parted', `{"a":[${'1,'.repeat(3_000_001)}1]}`],
  ])('refuses %s before it builds them', async (_, json) => {
    await expect(read(parseJson, json)).rejects.toMatchObject({ code: 'file_expands_too_far' });
  });
});

describe('mail', () => {
  const head =
    'From: Ada <a@x.org>\r\nTo: b@x.org, Cy <c@x.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n';

  it('tells subject, people and date, and prefers plain text; attachments by their names', async () => {
    const part = (headers: string, body: string): string => `--b\r\n${headers}\r\n\r\n${body}\r\n`;
    const mail = `${head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${part('Content-Type: text/plain', 'Hello\r\n# you')}${part('Content-Type: text/html', '<p>no')}${part('Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="offer.pdf"', 'x')}--b--`;
    expect(await read(parseEmail, mail)).toMatch(
      /^# Grüße\n\nFrom: Ada <a@x\.org>\nTo: b@x\.org, Cy <c@x\.org>\nDate: 2026-11-02T10:00:00\.000Z\n\nHello\n\\# you[\s\S]*Attachments: offer\.pdf$/,
    );
  });

  const multipart = (...parts: string[]): string =>
    `${head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${parts.map((part) => `--b\r\n${part}\r\n`).join('')}--b--`;

  it('decodes what is quoted-printable or base64, in the charset that each part names', async () => {
    const mail = multipart(
      'Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe aus M=FCn=\r\nchen',
      `Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from('und Привет').toString('base64')}`,
    );
    expect(await read(parseEmail, mail)).toMatch(/\n\nGrüße aus München\s+und Привет$/);
  });

  it('reads attached messages under their own subjects, down to a depth, and names what they carry', async () => {
    const inner = `From: d@x.org\r\nSubject: The offer\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nIt is ten.`;
    const mail = multipart(
      'Content-Type: text/plain\r\n\r\nSee below.',
      `Content-Type: message/rfc822\r\n\r\n${inner}`,
      'Content-Type: image/png; name="logo.png"\r\nContent-Disposition: attachment; filename="logo.png"\r\n\r\nx',
    );
    const text = await read(parseEmail, mail);
    expect(text).toMatch(/\n\nSee below\.\s+Attachments: logo\.png\n\n## The offer\n\nFrom: d@x\.org\n\nIt is ten\.$/);
    let nested = inner;
    for (let depth = 0; depth < 60; depth += 1)
      nested = `From: d@x.org\r\nSubject: s${depth}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b${depth}\r\n\r\n--b${depth}\r\nContent-Type: message/rfc822\r\n\r\n${nested}\r\n--b${depth}--`;
    expect(await read(parseEmail, nested)).toMatch(/^# s59[\s\S]*##### s55[\s\S]*Attachments: message\/rfc822$/);
  });

  it('reads HTML where there is nothing else', async () => {
    const mail = `${head}MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<h1>Offer</h1><p>words`;
    expect(await read(parseEmail, mail)).toMatch(/\n\n# Offer\n\nwords$/);
  });
});

describe('what a text is', () => {
  const prose = 'Dear all,\n\nthe plan, as agreed, is below.\nIt has, I think, three parts.\n';
  it.each([
    ['<!DOCTYPE html><p>x', 'x', null, 'text/html'],
    ['<!-- c -->\n<html><p>x', 'x', 'application/octet-stream', 'text/html'],
    ['{"a": 1}', 'x', null, 'application/json'],
    ['[{"a": 1}]', 'x', null, 'application/json'],
    ['{"a": 1}\n{"a": 2}\n', 'x', null, 'application/x-ndjson'],
    ['From: a@x.org\nSubject: y\n\nHi', 'x', null, 'message/rfc822'],
    ['a,b,c\n1,2,3\n4,5,6\n', 'x', null, 'text/csv'],
    ['a\tb\n1\t2\n3\t4\n', 'x', null, 'text/tab-separated-values'],
    [prose, 'x', null, 'text/plain'],
    ['[1] a footnote\n[2] another', 'x', null, 'text/plain'],
    ['Note: this\nMore: that\n\ntext', 'x', null, 'text/plain'],
    // Name and declared type decide before the content does, plain text and Markdown always.
    ['<!DOCTYPE html><p>x', 'x.txt', 'text/plain', 'text/plain'],
    ['<!DOCTYPE html><p>x', 'x.md', null, 'text/markdown'],
    ['{"a": 1}', 'x', 'text/plain', 'text/plain'],
    ['a;b', 'x.csv', 'application/vnd.ms-excel', 'text/csv'],
    ['x', 'x.html', 'text/plain', 'text/html'],
    ['x', 'x', 'application/json; charset=utf-8', 'application/json'],
    ['x', 'x', 'application/xhtml+xml', 'text/html'],
    ['<!DOCTYPE html><p>error', 'x.json', 'application/json', 'text/html'],
    // What has a signature cannot be without it.
    ['words', 'x.pdf', null, 'application/octet-stream'],
    ['words', 'x', 'application/epub+zip', 'application/octet-stream'],
    ['junk before %PDF-1.4', 'x.pdf', null, 'application/pdf'],
    // Forty comments are parted in 2^39 ways.
    [`${'<!-- -->'.repeat(40)}<p>`, 'x', null, 'text/plain'],
    [`${'<!-- -->'.repeat(40)}<html>`, 'x', null, 'text/html'],
  ])('%j called %s, %s is %s', (text, name, contentType, expected) => {
    expect(sniffType(Buffer.from(text), { name, contentType })).toBe(expected);
  });
});
