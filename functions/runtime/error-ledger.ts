import { setTimeout } from 'node:timers/promises';
import type { Database } from '../../shared/core/database.ts';
import type { Failure } from '../../shared/core/error-fingerprint.ts';
import { markTold, noteErrors, type Sighting } from '../../shared/jobs/seen-errors.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

/** A place that fails at every request is recorded only this often. */
const quietMilliseconds = 60_000;
/** A response waits no longer than this for the recording, which then continues in the background. */
const longestWaitMilliseconds = 1_000;

type Log = Pick<Telemetry, 'takeFailures' | 'errorIsNew' | 'notNoted' | 'flush'>;

/** Records unexpected errors in the database, each place once per minute and process, and reports new ones. */
export class ErrorLedger {
  private readonly database: Database;
  private readonly service: string;
  private readonly log: Log;
  private readonly longestWait: number;
  private readonly pending = new Map<string, Sighting>();
  /** When recording was last tried, by fingerprint, whether it succeeded or not. */
  private readonly tried = new Map<string, number>();

  /** @param longestWait milliseconds that one call takes at most */
  constructor(database: Database, service: string, log: Log, longestWait = longestWaitMilliseconds) {
    this.database = database;
    this.service = service;
    this.log = log;
    this.longestWait = longestWait;
  }

  /** Never throws, since its callers have a more important error to report. What could not be recorded is recorded a minute later. */
  async note(now = Date.now()): Promise<void> {
    for (const failure of this.log.takeFailures()) this.add(failure);
    const due = [...this.pending.values()].filter(
      ({ fingerprint }) => now - (this.tried.get(fingerprint) ?? 0) >= quietMilliseconds,
    );
    if (due.length === 0) return;
    for (const { fingerprint } of due) {
      this.pending.delete(fingerprint);
      this.tried.set(fingerprint, now);
    }
    const over = new AbortController();
    const waited = setTimeout(this.longestWait, undefined, { signal: over.signal }).catch(() => {});
    await Promise.race([this.write(due), waited]);
    over.abort();
  }

  private async write(due: readonly Sighting[]): Promise<void> {
    let news: ReadonlySet<string>;
    try {
      news = await this.database.inSystem((db) => noteErrors(db, this.service, due));
    } catch (error) {
      for (const sighting of due) this.add(sighting, sighting.count);
      this.log.notNoted(error);
      return;
    }
    if (news.size === 0) return;
    for (const sighting of due) if (news.has(sighting.fingerprint)) this.log.errorIsNew(sighting);
    // Counts become metrics only once they are written out.
    this.log.flush();
    await this.database.inSystem((db) => markTold(db, [...news])).catch((error) => this.log.notNoted(error));
  }

  private add(failure: Failure, count = 1): void {
    const known = this.pending.get(failure.fingerprint);
    this.pending.set(failure.fingerprint, { ...failure, count: (known?.count ?? 0) + count });
  }
}
