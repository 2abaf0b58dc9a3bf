import type { Caller, CallerSubject, RequestOrigin } from '../core/caller.ts';
import type { Clock } from '../core/clock.ts';
import type { WorkQueue } from '../core/work-queue.ts';
import { type AuditEntry, auditEvent } from './audit.ts';
import { createReadTrail, type ReadTrail } from './read-trail.ts';
import type { TrailKeys } from './trail-keys.ts';
import { sealOrigin } from './trail-origin.ts';

/** After this long, what a minute of activity wrote is sealed. */
const sealDelaySeconds = 60;
const armAtMostEveryMilliseconds = 60_000;

export interface TrailPorts {
  /** Null where there is no key service: the trail then says who did what, and not from where. */
  readonly keys: TrailKeys | null;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  /** Events that were lost: the queue did not take them for too long. */
  readonly onLost: (events: number) => void;
  /** No key was available: the event is written without its origin. */
  readonly onUnsealed: (error: unknown) => void;
}

/** What one process does for the audit trail besides the rows written in the transactions of changes. */
export class Trail {
  readonly keys: TrailKeys | null;
  private readonly ports: TrailPorts;
  private readonly reads: ReadTrail;
  private armedAt = Number.NEGATIVE_INFINITY;

  constructor(ports: TrailPorts) {
    this.ports = ports;
    this.keys = ports.keys;
    this.reads = createReadTrail(ports.queue, ports.clock, ports.onLost);
  }

  /**
   * The origin of a request with what is kept of it. Asked before the transaction of a change begins, since keys come from elsewhere.
   * A change is not refused because its origin cannot be encrypted: its event is then written without one.
   */
  async seal(workspaceId: string, subject: CallerSubject | null, origin: RequestOrigin): Promise<RequestOrigin> {
    if (!this.keys || (origin.ip === null && origin.userAgent === null && !subject)) return origin;
    try {
      return { ...origin, sealed: await sealOrigin(this.keys, workspaceId, subject, origin) };
    } catch (error) {
      this.ports.onUnsealed(error);
      return origin;
    }
  }

  /** Records what was read, or who was refused: by the queue, not by the database. */
  record(
    { workspaceId, actor }: Pick<Caller, 'workspaceId' | 'actor'>,
    origin: RequestOrigin,
    entry: AuditEntry,
    options?: { readonly atOnce: boolean },
  ): Promise<void> | undefined {
    return this.reads.record({ workspace_id: workspaceId, ...auditEvent(workspaceId, actor, origin, entry) }, options);
  }

  /** Sees to it that what is written now is sealed within a minute or two; what this misses is sealed at night. */
  async arm(): Promise<void> {
    const now = this.ports.clock.now().getTime();
    if (now - this.armedAt < armAtMostEveryMilliseconds) return;
    this.armedAt = now;
    const nudge = { body: { v: 1, kind: 'audit' }, delaySeconds: sealDelaySeconds };
    if (!(await this.ports.queue.send('maintenance', [nudge]))) this.armedAt = Number.NEGATIVE_INFINITY;
  }
}
