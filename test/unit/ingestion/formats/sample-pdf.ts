import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';

interface PdfObject {
  readonly dictionary: string;
  readonly stream?: Buffer;
}

/** Puts objects into a PDF file; object 1 is the catalog. */
function assemble(objects: readonly PdfObject[], trailer = ''): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', 'latin1')];
  const offsets: number[] = [];
  let length = parts[0]?.length ?? 0;
  const add = (part: Buffer): void => {
    parts.push(part);
    length += part.length;
  };
  objects.forEach(({ dictionary, stream }, i) => {
    offsets.push(length);
    const size = stream ? ` /Length ${stream.length}` : '';
    add(Buffer.from(`${i + 1} 0 obj\n<< ${dictionary}${size} >>\n`, 'latin1'));
    if (stream) add(Buffer.concat([Buffer.from('stream\n'), stream, Buffer.from('\nendstream\n')]));
    add(Buffer.from('endobj\n'));
  });
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const size = objects.length + 1;
  const end = `trailer\n<< /Size ${size} /Root 1 0 R ${trailer} >>\nstartxref\n${length}\n%%EOF\n`;
  add(Buffer.from(`xref\n0 ${size}\n0000000000 65535 f \n${table}${end}`));
  return Buffer.concat(parts);
}

function objectsFor(contents: readonly PdfObject[]): PdfObject[] {
  const first = 4;
  const kids = contents.map((_, i) => `${first + i * 2} 0 R`).join(' ');
  return [
    { dictionary: '/Type /Catalog /Pages 2 0 R' },
    { dictionary: `/Type /Pages /Kids [${kids}] /Count ${contents.length}` },
    { dictionary: '/Type /Font /Subtype /Type1 /BaseFont /Helvetica' },
    ...contents.flatMap((content, i) => [
      {
        dictionary: `/Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents ${first + i * 2 + 1} 0 R`,
      },
      content,
    ]),
  ];
}

function drawn(page: readonly string[]): string {
  const lines = page.map((line) => `(${line.replace(/[\\()]/g, '\\$&')}) Tj T*`).join('\n');
  return `BT /F1 11 Tf 72 720 Td 14 TL\n${lines}\nET`;
}

/** A PDF of these pages' lines; an empty line is a gap. */
export function samplePdf(pages: readonly (readonly string[])[]): Buffer {
  const contents = pages.map((page) => ({
    dictionary: '/Filter /FlateDecode',
    stream: deflateSync(Buffer.from(drawn(page), 'latin1')),
  }));
  return assemble(objectsFor(contents));
}

/** A PDF of one page on which so many pieces of text stand apart from each other. */
export function crowdedPdf(pieces: number): Buffer {
  const shown = Array.from(
    { length: pieces },
    (_, i) => `1 0 0 1 ${50 + (i % 9) * 60} ${40 + (i % 53) * 14} Tm (x) Tj`,
  );
  const stream = deflateSync(Buffer.from(`BT /F1 11 Tf\n${shown.join('\n')}\nET`, 'latin1'));
  return assemble(objectsFor([{ dictionary: '/Filter /FlateDecode', stream }]));
}

/** A PDF of about a kilobyte whose page expands to `bytes` through filters on filters. */
export function pdfBomb(bytes: number): Buffer {
  const operators = Buffer.alloc(bytes, '(x) Tj\n');
  const stream = deflateSync(deflateSync(Buffer.concat([Buffer.from('BT /F1 11 Tf\n'), operators])));
  return assemble(objectsFor([{ dictionary: '/Filter [/FlateDecode /FlateDecode]', stream }]));
}

const padding = Buffer.from('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a', 'hex');

/** A PDF under a password: the standard security handler, revision 2, RC4 of 40 bits (ISO 32000-1, 7.6.3). */
export function encryptedPdf(password: string): Buffer {
  const padded = Buffer.concat([Buffer.from(password), padding]).subarray(0, 32);
  const id = createHash('md5').update('sample').digest();
  const permissions = -4;
  const ownerKey = createHash('md5').update(padded).digest().subarray(0, 5);
  const owner = rc4(ownerKey, padded);
  const flags = Buffer.alloc(4);
  flags.writeInt32LE(permissions);
  const key = createHash('md5')
    .update(Buffer.concat([padded, owner, flags, id]))
    .digest()
    .subarray(0, 5);
  const user = rc4(key, padding);
  // A stream's own key: the file's with the numbers of its object, the fifth here, and its generation.
  const streamKey = createHash('md5')
    .update(Buffer.concat([key, Buffer.from([5, 0, 0, 0, 0])]))
    .digest()
    .subarray(0, 10);
  const objects = objectsFor([{ dictionary: '', stream: rc4(streamKey, Buffer.from(drawn(['secret']))) }]);
  const handler = `/Filter /Standard /V 1 /R 2 /O <${owner.toString('hex')}> /U <${user.toString('hex')}> /P ${permissions}`;
  const encrypt = `/Encrypt ${objects.length + 1} 0 R /ID [<${id.toString('hex')}> <${id.toString('hex')}>]`;
  return assemble([...objects, { dictionary: handler }], encrypt);
}

function rc4(key: Buffer, data: Buffer): Buffer {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i);
  for (let i = 0, j = 0; i < 256; i += 1) {
    j = (j + (state[i] as number) + (key[i % key.length] as number)) & 255;
    [state[i], state[j]] = [state[j] as number, state[i] as number];
  }
  let [i, j] = [0, 0];
  return data.map((byte) => {
    i = (i + 1) & 255;
    j = (j + (state[i] as number)) & 255;
    [state[i], state[j]] = [state[j] as number, state[i] as number];
    return byte ^ (state[((state[i] as number) + (state[j] as number)) & 255] as number);
  }) as Buffer;
}

/** PDFs that point back at themselves, each of a kilobyte. */
export function loopingPdfs(): Readonly<Record<string, Buffer>> {
  const form = (name: string, target: number): string =>
    `/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /${name} ${target} 0 R >> >>`;
  const draws = { dictionary: '', stream: Buffer.from('/X Do\nBT /F1 11 Tf 72 720 Td (words) Tj ET') };
  const page = (resources: string): PdfObject => ({
    dictionary: `/Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> ${resources} >> /Contents 5 0 R`,
  });
  const font = { dictionary: '/Type /Font /Subtype /Type1 /BaseFont /Helvetica' };
  const catalog = { dictionary: '/Type /Catalog /Pages 2 0 R' };
  const pages = { dictionary: '/Type /Pages /Kids [4 0 R] /Count 1' };
  const fan = Array.from({ length: 40 }, (_, i) => ({
    dictionary: form('X', 7 + i),
    stream: Buffer.from('/X Do /X Do /X Do '),
  }));
  const looped = assemble([catalog, pages, font, page(''), draws]);
  const start = looped.lastIndexOf('startxref');
  const table = Number(/startxref\s+(\d+)/.exec(looped.subarray(start).toString('latin1'))?.[1]);
  return {
    'a page tree that contains itself': assemble([
      catalog,
      { dictionary: '/Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000' },
      font,
    ]),
    'a cross-reference table that precedes itself': Buffer.from(
      looped.toString('latin1').replace('/Root', `/Prev ${table} /Root`),
      'latin1',
    ),
    'a form that draws itself': assemble([
      catalog,
      pages,
      font,
      page('/XObject << /X 6 0 R >>'),
      draws,
      { dictionary: form('X', 6), stream: Buffer.from('/X Do BT (more) Tj ET') },
    ]),
    'forms that draw the next three times, forty deep': assemble([
      catalog,
      pages,
      font,
      page('/XObject << /X 6 0 R >>'),
      draws,
      ...fan,
    ]),
  };
}
