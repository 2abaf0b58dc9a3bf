import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from '../../../shared/ingestion/parse.ts';

const file = { name: 'notes.md', contentType: 'text/markdown' };
const textOf = async (bytes: Uint8Array, contentType = 'text/plain'): Promise<string> =>
  (await parse(bytes, { name: 'notes', contentType })).text;

describe('parse', () => {
  it('reads UTF-8, UTF-16 with a mark, a declared charset, and Windows-1252 where nothing else fits', async () => {
    const words = 'Grüße, Привет, 你好';
    const utf16 = Buffer.from(`\ufeff${words}`, 'utf16le');
    expect(await textOf(Buffer.from(words))).toBe(words);
    expect(await textOf(Buffer.from(`\ufeff${words}`))).toBe(words);
    expect(await textOf(utf16)).toBe(words);
    expect(await textOf(Buffer.from(utf16).swap16())).toBe(words);
    expect(await textOf(Buffer.from([0xcf, 0xf0, 0xe8]), 'text/plain; charset=windows-1251')).toBe('При');
    expect(await textOf(Buffer.from('Gr\xfc\xdfe', 'latin1'))).toBe('Grüße');
    expect(await textOf(Buffer.from(words), 'text/plain; charset=no-such-thing')).toBe(words);
  });

  it('takes NUL out, mends lone surrogates and line ends', async () => {
    expect(await textOf(Buffer.from('a long enough\0 line\r\nnext\rlast'))).toBe('a long enough line\nnext\nlast');
    expect(await textOf(Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('a\ud800b', 'utf16le')]))).toBe(
      'a\ufffdb',
    );
  });

  it('knows Markdown by type or by name, whatever a client calls it', async () => {
    const bytes = Buffer.from('# T');
    for (const [name, contentType] of [
      ['x', 'text/markdown'],
      ['x', 'text/x-markdown; charset=utf-8'],
      ['x.MD', 'binary/octet-stream'],
      ['x.md', 'text/plain'],
      ['x.markdown', null],
    ] as const)
      expect((await parse(bytes, { name, contentType })).format).toBe('markdown');
    expect((await parse(bytes, { name: 'x.txt', contentType: '' })).format).toBe('plain');
  });

  it.each([
    ['a PDF called Markdown', Buffer.from('%PDF-1.7 …'), file, 'unsupported_media_type'],
    ['a ZIP archive', Buffer.from('PK\x03\x04…'), file, 'unsupported_media_type'],
    [
      'random bytes',
      Buffer.from(Array.from({ length: 4_096 }, (_, i) => (i * 167 + (i >> 3) * 31) % 256)),
      file,
      'unsupported_media_type',
    ],
    ['zeros', Buffer.alloc(100), file, 'unsupported_media_type'],
    ['a type that nothing reads', Buffer.from('x'), { name: 'x', contentType: 'video/mp4' }, 'unsupported_media_type'],
    ['nothing', Buffer.alloc(0), file, 'empty_file'],
    ['whitespace', Buffer.from(' \n\t\u3000'), file, 'no_text_found'],
    ['only a mark', Buffer.from('\ufeff'), file, 'no_text_found'],
  ])('refuses %s', async (_, bytes, declared, code) => {
    await expect(parse(bytes, declared)).rejects.toMatchObject({ name: 'DocumentError', code });
  });

  it('any bytes give storable text or a document error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom('text/plain', 'text/markdown', ''),
        async (bytes, contentType) => {
          try {
            const { text } = await parse(bytes, { name: 'x', contentType });
            expect(text.isWellFormed()).toBe(true);
            expect(text).not.toContain('\0');
            expect(text.trim()).not.toBe('');
          } catch (error) {
            expect(error).toMatchObject({ name: 'DocumentError' });
          }
        },
      ),
    );
  });
});
