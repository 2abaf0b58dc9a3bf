/** A database, documents about the same things, and what people ask of either. */
export interface RoutingDomain {
  readonly name: string;
  /** As the catalog embeds them. */
  readonly tables: readonly string[];
  /** As chunks. */
  readonly passages: readonly string[];
  readonly documents: readonly string[];
  readonly database: readonly string[];
  readonly both: readonly string[];
  /** Words that may be a question to either. */
  readonly clarify: readonly string[];
}
