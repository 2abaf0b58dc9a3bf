import type { IsolationWorld } from './seed.ts';

/** By itself: longer rows of digits are hashes. */
const uuids = /(?<![0-9a-f])[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}(?![0-9a-f])/g;

/** The ids in a text that name something of another workspace. */
export function foreignIds({ owners }: Pick<IsolationWorld, 'owners'>, own: string, text: string): string[] {
  const found: string[] = [];
  for (const [id] of text.matchAll(uuids)) {
    const plain = id.replaceAll('-', '');
    const dashed = plain.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const owner = owners.get(dashed);
    if (owner !== undefined && owner !== own) found.push(dashed);
  }
  return found;
}
