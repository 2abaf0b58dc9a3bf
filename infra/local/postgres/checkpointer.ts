import type { Engine } from './engine.ts';
import type { SessionQueue } from './session-queue.ts';
import type { SessionSwitch } from './session-state.ts';

const INTERVAL_MILLISECONDS = 30_000;
const WRITE_AHEAD_LOG_BYTES = 64 * 1024 * 1024;

/**
 * A single-user backend has no checkpointer: its write-ahead log would grow, and with it the recovery after a kill,
 * until the database is closed. This one asks for a checkpoint whenever enough has been written.
 */
export class Checkpointer {
  readonly #engine: Engine;
  readonly #queue: SessionQueue;
  readonly #sessions: SessionSwitch;
  readonly #timer: NodeJS.Timeout;
  #lastEnd: string | undefined;

  constructor(engine: Engine, queue: SessionQueue, sessions: SessionSwitch, onError: (error: unknown) => void) {
    this.#engine = engine;
    this.#queue = queue;
    this.#sessions = sessions;
    this.#timer = setInterval(() => void this.#check().catch(onError), INTERVAL_MILLISECONDS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    if (this.#queue.isBusy) return;
    await this.#queue.take(this, async () => {
      await this.#sessions.activateServer();
      const since = this.#lastEnd ?? '0/0';
      const [row] = await this.#engine.query(
        `SELECT pg_current_wal_insert_lsn(), pg_current_wal_insert_lsn() - '${since}'::pg_lsn > ${WRITE_AHEAD_LOG_BYTES}`,
      );
      if (row?.[1] === 't') {
        await this.#engine.query('CHECKPOINT');
        this.#lastEnd = row[0] as string;
      }
      return 'released';
    });
  }
}
