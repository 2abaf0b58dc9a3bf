/** What a file's first bytes say it is; a name's extension or a declared type is believed only where bytes say nothing. */
interface Signature {
  readonly mediaType: string;
  readonly bytes: readonly number[];
}

const ascii = (text: string): number[] => [...Buffer.from(text, 'latin1')];

const signatures: readonly Signature[] = [
  { mediaType: 'application/pdf', bytes: ascii('%PDF-') },
  { mediaType: 'application/zip', bytes: ascii('PK\x03\x04') },
  { mediaType: 'application/zip', bytes: ascii('PK\x05\x06') },
  { mediaType: 'application/gzip', bytes: [0x1f, 0x8b] },
  { mediaType: 'application/x-ole-storage', bytes: [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1] },
  { mediaType: 'image/png', bytes: [0x89, 0x50, 0x4e, 0x47] },
  { mediaType: 'image/jpeg', bytes: [0xff, 0xd8, 0xff] },
  { mediaType: 'image/gif', bytes: ascii('GIF8') },
  { mediaType: 'application/x-7z-compressed', bytes: [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c] },
  { mediaType: 'application/vnd.rar', bytes: ascii('Rar!\x1a\x07') },
  { mediaType: 'application/zstd', bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { mediaType: 'application/x-elf', bytes: [0x7f, 0x45, 0x4c, 0x46] },
  { mediaType: 'application/vnd.sqlite3', bytes: ascii('SQLite format 3\0') },
];

const typeOfExtension: ReadonlyMap<string, string> = new Map([
  ['md', 'text/markdown'],
  ['markdown', 'text/markdown'],
  ['mdown', 'text/markdown'],
  ['txt', 'text/plain'],
  ['text', 'text/plain'],
  ['log', 'text/plain'],
]);

/** Types that say nothing: what S3 and HTTP clients write when they do not know. */
const unspecific: ReadonlySet<string> = new Set(['', 'application/octet-stream', 'binary/octet-stream']);
const synonyms: ReadonlyMap<string, string> = new Map([['text/x-markdown', 'text/markdown']]);

export interface DeclaredFile {
  readonly name: string;
  /** Content-Type as declared, with parameters. */
  readonly contentType?: string | null;
}

/** @returns a media type without parameters; `text/plain` for bytes without a signature of which nothing else is known */
export function sniffType(bytes: Uint8Array, file: DeclaredFile): string {
  const signature = signatures.find((known) => known.bytes.every((byte, i) => bytes[i] === byte));
  if (signature) return signature.mediaType;
  const declared = (file.contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const fromName = typeOfExtension.get(/\.([^./\\]+)$/.exec(file.name)?.[1]?.toLowerCase() ?? '');
  // Clients that do not know Markdown send it as plain text.
  if (unspecific.has(declared) || (declared === 'text/plain' && fromName)) return fromName ?? 'text/plain';
  return synonyms.get(declared) ?? declared;
}

/** @returns the `charset` parameter of a Content-Type, in lower case */
export function declaredCharset(contentType: string | null | undefined): string | undefined {
  return /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase();
}
