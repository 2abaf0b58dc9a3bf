import { validationFailed } from '../../shared/core/errors.ts';
import { type IdKind, idPrefixes, tryParsePublicId } from '../../shared/core/ids.ts';
import type { Page, PageRequest } from '../../shared/core/page.ts';
import { ok, type Reply } from './route.ts';

/**
 * The page that a list's query asks for. After an id that does not exist the page is empty.
 * @throws validation_failed if `after` is no id of this kind
 */
export function pageRequest(kind: IdKind, query: { limit: number; after?: string | undefined }): PageRequest {
  if (query.after === undefined) return { limit: query.limit };
  return { limit: query.limit, after: afterId(kind, query.after) };
}

/** @throws validation_failed */
export function afterId(kind: IdKind, text: string): string {
  const after = tryParsePublicId(kind, text);
  if (after === undefined)
    throw validationFailed([
      { pointer: '/after', detail: `Must be an id: ${idPrefixes[kind]}_ and 32 hexadecimal digits` },
    ]);
  return after;
}

export function listReply<Item, View>(
  page: Page<Item>,
  view: (item: Item) => View,
  idOf: (view: View) => string,
): Reply {
  const data = page.items.map(view);
  const first = data[0];
  const last = data.at(-1);
  return ok({
    object: 'list',
    data,
    first_id: first === undefined ? null : idOf(first),
    last_id: last === undefined ? null : idOf(last),
    has_more: page.hasMore,
  });
}
