import { typeOfZip } from './formats/container-type.ts';
import { isHtml, typeOfText } from './formats/text-type.ts';

/** The type by a file's first bytes; the extension or a declared type is trusted only if the bytes say nothing. */
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
  ['html', 'text/html'],
  ['htm', 'text/html'],
  ['xhtml', 'text/html'],
  ['csv', 'text/csv'],
  ['tsv', 'text/tab-separated-values'],
  ['tab', 'text/tab-separated-values'],
  ['json', 'application/json'],
  ['geojson', 'application/json'],
  ['jsonl', 'application/x-ndjson'],
  ['ndjson', 'application/x-ndjson'],
  ['eml', 'message/rfc822'],
  ['pdf', 'application/pdf'],
  ['docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
  ['pptx', 'application/vnd.openxmlformats-officedocument.presentationml.presentation'],
  ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
  ['odt', 'application/vnd.oasis.opendocument.text'],
  ['odp', 'application/vnd.oasis.opendocument.presentation'],
  ['ods', 'application/vnd.oasis.opendocument.spreadsheet'],
  ['epub', 'application/epub+zip'],
]);

const typesWithExtension: ReadonlySet<string> = new Set(typeOfExtension.values());

/** Types that say nothing: what S3 and HTTP clients write when they do not know. */
const unspecific: ReadonlySet<string> = new Set(['', 'application/octet-stream', 'binary/octet-stream']);
const synonyms: ReadonlyMap<string, string> = new Map([
  ['text/x-markdown', 'text/markdown'],
  ['application/xhtml+xml', 'text/html'],
  ['text/json', 'application/json'],
  ['application/geo+json', 'application/json'],
  ['application/jsonl', 'application/x-ndjson'],
  ['application/jsonlines', 'application/x-ndjson'],
  ['application/x-jsonlines', 'application/x-ndjson'],
  ['application/ndjson', 'application/x-ndjson'],
  ['application/csv', 'text/csv'],
  ['text/x-csv', 'text/csv'],
  ['text/comma-separated-values', 'text/csv'],
  ['text/tsv', 'text/tab-separated-values'],
  ['application/x-pdf', 'application/pdf'],
]);
/** Formats of plain characters, which have no signature. */
const textual: ReadonlySet<string> = new Set([
  'text/plain',
  'text/markdown',
  'text/html',
  'text/csv',
  'text/tab-separated-values',
  'application/json',
  'application/x-ndjson',
  'message/rfc822',
]);
/** PDF readers accept a header this far into the file. */
const latestPdfHeader = 1_024;

export interface DeclaredFile {
  readonly name: string;
  /** Content-Type as declared, with parameters. */
  readonly contentType?: string | null;
}

/** @returns a media type without parameters; `text/plain` for bytes without a signature of which nothing else is known */
export function sniffType(bytes: Uint8Array, file: DeclaredFile): string {
  const signature = signatures.find((known) => known.bytes.every((byte, i) => bytes[i] === byte))?.mediaType;
  const claimed = claimedType(file);
  // A ZIP file that is too broken to be looked into is left to the parser of what it claims to be.
  if (signature === 'application/zip') return typeOfZip(bytes) ?? zipOf(claimed);
  if (signature) return signature;
  if (claimed === undefined) return typeOfText(bytes) ?? 'text/plain';
  if (claimed === 'application/pdf' && hasLatePdfHeader(bytes)) return claimed;
  const hasOwnSignature = typesWithExtension.has(claimed) && !textual.has(claimed);
  if (hasOwnSignature) return 'application/octet-stream';
  const mayBeHtml = textual.has(claimed) && claimed !== 'text/plain' && claimed !== 'text/markdown';
  return mayBeHtml && isHtml(Buffer.from(bytes.subarray(0, latestPdfHeader)).toString('latin1'))
    ? 'text/html'
    : claimed;
}

/** Whether a file's name or declared type says that it is of this type, or neither says anything. */
export function agreesWith(mediaType: string, file: DeclaredFile): boolean {
  const claims = [declaredType(file), typeOfName(file)].filter((claim) => claim !== undefined);
  return claims.length === 0 || claims.includes(mediaType);
}

/** The type by name and declaration; undefined if they say nothing. */
function claimedType(file: DeclaredFile): string | undefined {
  const declared = declaredType(file);
  const fromName = typeOfName(file);
  if (declared === undefined) return fromName;
  // Clients that do not know Markdown and the like send it as plain text, browsers on Windows send CSV as Excel's.
  if (declared === 'text/plain' && fromName && textual.has(fromName)) return fromName;
  return declared === 'application/vnd.ms-excel' && fromName === 'text/csv' ? fromName : declared;
}

function declaredType({ contentType }: DeclaredFile): string | undefined {
  const declared = (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return unspecific.has(declared) ? undefined : (synonyms.get(declared) ?? declared);
}

function typeOfName({ name }: DeclaredFile): string | undefined {
  return typeOfExtension.get(/\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? '');
}

function zipOf(claimed: string | undefined): string {
  return claimed !== undefined && /openxmlformats|opendocument|epub/.test(claimed) ? claimed : 'application/zip';
}

function hasLatePdfHeader(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.subarray(0, latestPdfHeader)).includes('%PDF-');
}

/** @returns the `charset` parameter of a Content-Type, in lower case */
export function declaredCharset(contentType: string | null | undefined): string | undefined {
  return /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase();
}
