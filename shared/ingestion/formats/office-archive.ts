import { zipSync } from 'fflate';
import { DocumentError } from '../../core/document-errors.ts';
import { attribute, decodeXml, elementsOf, parseXml } from './xml.ts';
import { ZipArchive } from './zip-archive.ts';

/** A part that must be there. @throws DocumentError `corrupt_file` */
export function requirePart(archive: ZipArchive, name: string): Uint8Array {
  const part = archive.read(name);
  if (!part) throw new DocumentError('corrupt_file', `The file is broken: it has no ${name}.`);
  return part;
}

/** Targets of a part's relationships by their ids, as names of entries. */
export function relationships(
  archive: ZipArchive,
  part: string,
): ReadonlyMap<string, { type: string; target: string }> {
  const slash = part.lastIndexOf('/') + 1;
  const [directory, name] = [part.slice(0, slash), part.slice(slash)];
  const bytes = archive.read(`${directory}_rels/${name}.rels`);
  const found = new Map<string, { type: string; target: string }>();
  if (!bytes) return found;
  for (const element of elementsOf(parseXml(bytes))) {
    const id = attribute(element, 'Id');
    const target = attribute(element, 'Target');
    if (id === undefined || target === undefined || attribute(element, 'TargetMode') === 'External') continue;
    const type = (attribute(element, 'Type') ?? '').split('/').at(-1) ?? '';
    found.set(id, { type, target: resolvePath(directory, target) });
  }
  return found;
}

/** A path relative to a directory inside the archive; what climbs out of it ends at its root. */
export function resolvePath(directory: string, target: string): string {
  const parts: string[] = [];
  for (const part of (target.startsWith('/') ? target : directory + target).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

/**
 * The XML parts of an Office file in an archive without compression, for libraries that unpack without a limit and know no
 * harm in entities. Pictures and embedded files stay behind.
 * @param change what becomes of a part's text
 */
export function plainCopy(bytes: Uint8Array, change: (name: string, xml: string) => string = (_, xml) => xml): Buffer {
  const archive = new ZipArchive(bytes);
  const parts: Record<string, Uint8Array> = {};
  for (const name of archive.names) {
    if (!/\.(?:xml|rels)$/i.test(name)) continue;
    const xml = decodeXml(requirePart(archive, name)).replace(/^<\?xml[^>]*\?>/, '');
    parts[name] = Buffer.from(change(name, xml));
  }
  return Buffer.from(zipSync(parts, { level: 0 }));
}
