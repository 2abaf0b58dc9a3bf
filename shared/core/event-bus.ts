/** Something that ended, published for others to react to. */
export interface DomainEvent {
  readonly type: 'document.ready' | 'document.failed' | 'job.succeeded' | 'job.failed';
  readonly at: Date;
  /** Ids, states and counts, never text: a bus cannot be made to forget one tenant's text. */
  readonly detail: Readonly<Record<string, string | number | null>>;
}

/** Where events go. */
export interface EventBus {
  /** @returns for each event whether it was certainly accepted */
  publish(events: readonly DomainEvent[]): Promise<readonly boolean[]>;
}

/** For stages without a bus. */
export const noEventBus: EventBus = { publish: async (events) => events.map(() => true) };
