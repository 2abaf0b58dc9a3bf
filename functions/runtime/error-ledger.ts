import type { Database } from '../../shared/core/database.ts';
import type { Failure } from '../../shared/core/error-fingerprint.ts';
import { noteErrors, type Sighting } from '../../shared/jobs/seen-errors.ts';
import type { Telemetry } from './telemetry.ts';

/** One place that fails at every request is noted so often, and not at every request. */
const quietMilliseconds = 60_000;

/** Notes unexpected errors in the database, each place once a minute and process, and tells of those that are news. */
export class ErrorLedger {
  private readonly database: Database;
  private readonly service: string;
  private readonly log: Pick<Telemetry, 'takeFailures' | 'errorIsNew' | 'notNoted'>;
  private readonly pending = new Map<string, Sighting>();
  private readonly noted = new Map<string, number>();

  constructor(database: Database, service: string, log: Pick<Telemetry, 'takeFailures' | 'errorIsNew' | 'notNoted'>) {
    this.database = database;
    this.service = service;
    this.log = log;
  }

  /** Never fails: whoever waits for it has something better to tell. What could not be noted is noted with the next. */
  async note(now = Date.now()): Promise<void> {
    for (const failure of this.log.takeFailures()) this.add(failure);
    const due = [...this.pending.values()].filter(
      ({ fingerprint }) => now - (this.noted.get(fingerprint) ?? 0) >= quietMilliseconds,
    );
    if (due.length === 0) return;
    for (const { fingerprint } of due) this.pending.delete(fingerprint);
    try {
      const news = await this.database.inSystem((db) => noteErrors(db, this.service, due));
      for (const sighting of due) {
        this.noted.set(sighting.fingerprint, now);
        if (news.has(sighting.fingerprint)) this.log.errorIsNew(sighting);
      }
    } catch (error) {
      for (const sighting of due) this.add(sighting, sighting.count);
      this.log.notNoted(error);
    }
  }

  private add(failure: Failure, count = 1): void {
    const known = this.pending.get(failure.fingerprint);
    this.pending.set(failure.fingerprint, { ...failure, count: (known?.count ?? 0) + count });
  }
}
