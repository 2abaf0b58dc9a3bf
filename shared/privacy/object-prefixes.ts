import { publicId } from '../core/ids.ts';

/** Where all objects of a workspace lie. */
export function objectPrefixes(workspaceId: string): readonly string[] {
  const workspace = publicId('workspace', workspaceId);
  return [`uploads/${workspace}/`, `content/${workspace}/`];
}

/** Where archives of a workspace lie until they expire. */
export function exportsPrefix(workspaceId: string): string {
  return `content/${publicId('workspace', workspaceId)}/exports/`;
}
