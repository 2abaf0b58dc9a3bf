/** Something that ended, for whoever wants to act on it. */
export interface DomainEvent {
  readonly type: 'document.ready' | 'document.failed' | 'job.succeeded' | 'job.failed';
  readonly at: Date;
  /** Keys, states and counts, never text: nobody can make a bus forget one tenant's words. */
  readonly detail: Readonly<Record<string, string | number | null>>;
}

/** Where events go. */
export interface EventBus {
  /** @returns for each event whether it was certainly accepted */
  publish(events: readonly DomainEvent[]): Promise<readonly boolean[]>;
}

/** For stages where nobody listens. */
export const noEventBus: EventBus = { publish: async (events) => events.map(() => true) };
