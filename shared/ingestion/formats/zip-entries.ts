import { DocumentError } from '../../core/document-errors.ts';

export interface ZipEntry {
  /** With `/` between its parts, and none before the first. */
  readonly name: string;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly compressedSize: number;
  /** As declared; the truth shows when it is expanded. */
  readonly size: number;
  readonly dataStart: number;
}

const endSignature = 0x06054b50;
const end64LocatorSignature = 0x07064b50;
const end64Signature = 0x06064b50;
const entrySignature = 0x02014b50;
const localSignature = 0x04034b50;
const endLength = 22;
const longestComment = 65_535;
const mostEntries = 10_000;

/**
 * The central directory of a ZIP file (PKWARE APPNOTE 6.3, with ZIP64).
 * @throws DocumentError `corrupt_file`; `file_expands_too_far` above 10,000 entries
 */
export function listZipEntries(bytes: Uint8Array): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    return readDirectory(view, findDirectory(view));
  } catch (error) {
    // A position outside of the file.
    if (error instanceof RangeError)
      throw new DocumentError('corrupt_file', 'The archive is broken.', { cause: error });
    throw error;
  }
}

function findDirectory(view: DataView): { start: number; count: number } {
  const lowest = Math.max(0, view.byteLength - endLength - longestComment);
  for (let at = view.byteLength - endLength; at >= lowest; at -= 1) {
    if (view.getUint32(at, true) !== endSignature) continue;
    const count = view.getUint16(at + 10, true);
    const start = view.getUint32(at + 16, true);
    if (count !== 0xffff && start !== 0xffffffff) return { start, count };
    if (view.getUint32(at - 20, true) !== end64LocatorSignature) return { start, count };
    const end64 = Number(view.getBigUint64(at - 12, true));
    if (view.getUint32(end64, true) !== end64Signature) break;
    return { start: Number(view.getBigUint64(end64 + 48, true)), count: Number(view.getBigUint64(end64 + 32, true)) };
  }
  throw new DocumentError('corrupt_file', 'The archive is cut off or broken.');
}

function readDirectory(view: DataView, { start, count }: { start: number; count: number }): ZipEntry[] {
  if (count > mostEntries)
    throw new DocumentError('file_expands_too_far', `The archive has more than ${mostEntries} entries.`);
  const entries: ZipEntry[] = [];
  for (let at = start; entries.length < count; ) {
    if (view.getUint32(at, true) !== entrySignature) throw new DocumentError('corrupt_file', 'The archive is broken.');
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const extraStart = at + 46 + nameLength;
    const [size, compressedSize, offset] = wideFields(view, extraStart, extraLength, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    if (view.getUint32(offset, true) !== localSignature)
      throw new DocumentError('corrupt_file', 'The archive is broken.');
    entries.push({
      name: nameOf(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength)),
      method: view.getUint16(at + 10, true),
      isEncrypted: (view.getUint16(at + 8, true) & 1) === 1,
      compressedSize,
      size,
      dataStart: offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true),
    });
    at = extraStart + extraLength + view.getUint16(at + 32, true);
  }
  return entries;
}

/** Sizes and offset, from the ZIP64 extra field where they do not fit into 32 bits. */
function wideFields(
  view: DataView,
  extraStart: number,
  extraLength: number,
  narrow: readonly [number, number, number],
): [number, number, number] {
  const wide: [number, number, number] = [...narrow];
  if (!narrow.includes(0xffffffff)) return wide;
  for (let at = extraStart; at + 4 <= extraStart + extraLength; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let field = at + 4;
    narrow.forEach((value, i) => {
      if (value !== 0xffffffff) return;
      wide[i] = Number(view.getBigUint64(field, true));
      field += 8;
    });
    break;
  }
  return wide;
}

function nameOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replaceAll('\\', '/').replace(/^\/+/, '');
}
