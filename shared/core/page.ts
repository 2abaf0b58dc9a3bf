/** One page of a list, newest first. */
export interface PageRequest {
  /** 1 to 100. */
  readonly limit: number;
  /** UUID of the last item of the page before. */
  readonly after?: string | undefined;
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
}

/** Cuts a page from rows that were read with `LIMIT limit + 1`: the extra row shows that more follow. */
export function pageOf<Item>(rows: readonly Item[], limit: number): Page<Item> {
  return { items: rows.slice(0, limit), hasMore: rows.length > limit };
}
