import { randomBytes } from 'node:crypto';
import { notFound } from './errors.ts';

/** The kinds of ids and their public prefixes. Inside (database, messages) ids are bare UUIDs. */
export const idPrefixes = {
  workspace: 'ws',
  collection: 'col',
  document: 'doc',
  chunk: 'chk',
  job: 'job',
  connection: 'con',
  query: 'qry',
  conversation: 'cnv',
  message: 'msg',
  apiKey: 'key',
  subject: 'sub',
  auditEvent: 'aud',
} as const;

export type IdKind = keyof typeof idPrefixes;

/**
 * A UUIDv7 (RFC 9562): 48 bits of milliseconds, then random bits; ids made later sort later, to the millisecond.
 * @returns the 36-character form with dashes
 */
export function newUuid(now: number = Date.now()): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(now, 0, 6);
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  return dashed(bytes.toString('hex'));
}

/** When a UUIDv7 was created, as encoded in it, to the millisecond. */
export function timeOfUuid(uuid: string): Date {
  return new Date(Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16));
}

/** `doc_0198…` (32 hex digits) from a UUID with or without dashes. */
export function publicId(kind: IdKind, uuid: string): string {
  return `${idPrefixes[kind]}_${uuid.replaceAll('-', '')}`;
}

/**
 * The UUID behind a public id.
 * @throws not_found when the text is no id of this kind: an impossible id is treated like one that does not exist
 */
export function parsePublicId(kind: IdKind, text: string): string {
  const uuid = tryParsePublicId(kind, text);
  if (uuid === undefined) throw notFound(kind);
  return uuid;
}

export function tryParsePublicId(kind: IdKind, text: string): string | undefined {
  const match = new RegExp(`^${idPrefixes[kind]}_([0-9a-f]{32})$`).exec(text);
  return match ? dashed(match[1] as string) : undefined;
}

function dashed(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
