import { type IdKind, tryParsePublicId } from '../../shared/core/ids.ts';
import type { Page, PageRequest } from '../../shared/core/page.ts';
import { ok, type Reply } from './route.ts';

/** The page that a list's query asks for; an `after` that is no id of this kind is not found by anybody: an empty condition. */
export function pageRequest(kind: IdKind, query: { limit: number; after?: string | undefined }): PageRequest {
  if (query.after === undefined) return { limit: query.limit };
  // The nil UUID names nothing, so the page after it is empty, as after any other id that is not there.
  return { limit: query.limit, after: tryParsePublicId(kind, query.after) ?? '00000000-0000-0000-0000-000000000000' };
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
