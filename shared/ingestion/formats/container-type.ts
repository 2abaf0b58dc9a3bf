import { DocumentError } from '../../core/document-errors.ts';
import { ZipArchive } from './zip-archive.ts';

const openXml = 'application/vnd.openxmlformats-officedocument.';
const typeOfMainPart: readonly (readonly [RegExp, string])[] = [
  [/^word\/document\d*\.xml$/, `${openXml}wordprocessingml.document`],
  [/^ppt\/presentation\.xml$/, `${openXml}presentationml.presentation`],
  [/^xl\/workbook\.xml$/, `${openXml}spreadsheetml.sheet`],
  [/^xl\/workbook\.bin$/, 'application/vnd.ms-excel.sheet.binary.macroenabled.12'],
];
/** A `mimetype` entry says what EPUB and OpenDocument files are. */
const longestMimetype = 200;

/**
 * What kind of document a ZIP file is, by its entries.
 * @returns `application/zip` for any other archive, undefined when its directory cannot be read
 */
export function typeOfZip(bytes: Uint8Array): string | undefined {
  try {
    const archive = new ZipArchive(bytes);
    const main = typeOfMainPart.find(([part]) => archive.names.some((name) => part.test(name)));
    if (main) return main[1];
    const mimetype = archive.read('mimetype', longestMimetype);
    if (mimetype) return Buffer.from(mimetype).toString('latin1').trim();
    return archive.has('META-INF/container.xml') ? 'application/epub+zip' : 'application/zip';
  } catch (error) {
    // Its parser meets the same fault again and says which.
    if (error instanceof DocumentError) return undefined;
    throw error;
  }
}

const directoryEntryLength = 128;
/** Streams that an OLE file around an encrypted Office document has ([MS-OFFCRYPTO] 2.3). */
const encryptedStream = Buffer.from('EncryptedPackage', 'utf16le');

/** Whether an OLE file is an Office document under a password. */
export function isEncryptedOle(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = buffer.indexOf(encryptedStream); at >= 0; at = buffer.indexOf(encryptedStream, at + 1)) {
    if (at % directoryEntryLength === 0) return true;
  }
  return false;
}
