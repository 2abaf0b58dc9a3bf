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

  it('holds nothing but the text of a large file', async () => {
    const bytes = new Uint8Array(17_000_000).fill(0x61);
    expect((await textOf(bytes)).length).toBe(17_000_000);
    expect(bytes.length).toBe(0);
  });

  const bulgarian = 'Всички хора се раждат свободни и равни по достойнство и права.';
  const bytesOf = (text: string, first: number, offset: number): Buffer =>
    Buffer.from(
      [...text].map((sign) => (sign.charCodeAt(0) < 128 ? sign.charCodeAt(0) : sign.charCodeAt(0) - first + offset)),
    );
  const windows1251 = bytesOf(bulgarian, 0x410, 0xc0);
  const polish = Buffer.from('Zażółć', 'utf8');
  const shiftJis = Buffer.from(
    '82b782d782c482cc906c8ad482cd814190b682dc82ea82c882aa82e782c982b582c48ea9975282c582a082e8814191b88cb582c68ca0979882c682c982c282a282c495bd939982c582a082e98142',
    'hex',
  );
  const gbk = Buffer.from(
    'c8cbc8cbc9fab6f8d7d4d3c9a3acd4dad7f0d1cfbacdc8a8c0fbc9cfd2bbc2c9c6bdb5c8a1a3cbfbc3c7b8b3d3d0c0edd0d4bacdc1bcd0c4a3acb2a2d3a6d2d4d0d6b5dcb9d8cfb5b5c4beabc9f1cfe0b6d4b4fda1a3',
    'hex',
  );
  const eucKr = Buffer.from(
    'b8f0b5e720c0ceb0a3c0ba20c5c2beeeb3af20b6a7bacec5cd20c0dac0afb7cebfecb8e720b1d720c1b8bef6b0fa20b1c7b8aebfa120c0d6beee20b5bfb5eec7cfb4d92e',
    'hex',
  );

  it.each([
    ['Shift_JIS', shiftJis, 'すべての人間は、生まれながらにして自由であり、尊厳と権利とについて平等である。'],
    ['GBK', gbk, '人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。'],
    ['EUC-KR', eucKr, '모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다.'],
    ['Windows-1251', windows1251, bulgarian],
    [
      'Windows-1252',
      Buffer.from('Déjà vu: le garçon naïf fête Noël à la forêt.', 'latin1'),
      'Déjà vu: le garçon naïf fête Noël à la forêt.',
    ],
    ['UTF-16 LE without a mark', Buffer.from('Wide words, and more.', 'utf16le'), 'Wide words, and more.'],
    ['UTF-16 BE without a mark', Buffer.from('Wide words, and more.', 'utf16le').swap16(), 'Wide words, and more.'],
  ])(
    'finds that a text is %s when nobody says it, when it is said, and when UTF-8 is said',
    async (name, bytes, text) => {
      const charset = name.split(' without')[0]?.toLowerCase().replace(' le', 'le').replace(' be', 'be');
      for (const contentType of ['text/plain', `text/plain; charset=${charset}`, 'text/plain; charset=utf-8'])
        expect(await textOf(Buffer.from(bytes), contentType)).toBe(text);
    },
  );

  it('does not believe a charset that its bytes contradict', async () => {
    expect(await textOf(polish, 'text/plain; charset=iso-8859-1')).toBe('Zażółć');
    expect(await textOf(Buffer.from('Größe, naïve, Привет'), 'text/plain; charset=shift_jis')).toBe(
      'Größe, naïve, Привет',
    );
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
