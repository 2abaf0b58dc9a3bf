import { publicId, tryParsePublicId } from '../core/ids.ts';

/** The prefix of a collection's uploads: where anybody with rights may put files with any S3 client. */
export function uploadPrefix(workspaceId: string, collectionId: string): string {
  return `uploads/${publicId('workspace', workspaceId)}/${publicId('collection', collectionId)}/`;
}

/** The key of a document that was posted over HTTPS. */
export function contentKey(workspaceId: string, objectId: string): string {
  return `content/${publicId('workspace', workspaceId)}/${objectId}`;
}

export interface UploadKey {
  readonly workspaceId: string;
  readonly collectionId: string;
  /** The part after the collection: at least one character. */
  readonly path: string;
}

/** The parts of an object's key; undefined for one outside every workspace and collection. */
export function parseUploadKey(key: string): UploadKey | undefined {
  // Postgres holds no U+0000, so no row can name it.
  if (key.includes('\0')) return undefined;
  const match = /^uploads\/([^/]+)\/([^/]+)\/(.+)$/s.exec(key);
  if (!match) return undefined;
  const workspaceId = tryParsePublicId('workspace', match[1] as string);
  const collectionId = tryParsePublicId('collection', match[2] as string);
  if (workspaceId === undefined || collectionId === undefined) return undefined;
  return { workspaceId, collectionId, path: match[3] as string };
}

/** The source of an upload, by which a second put of the same key is known as a new version. */
export function uploadSource(key: string): string {
  return `s3://${key}`;
}
