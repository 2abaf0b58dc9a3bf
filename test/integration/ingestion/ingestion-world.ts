import { randomUUID } from 'node:crypto';
import { OpenAiEmbedder } from '../../../shared/adapters/openai/openai-embedder.ts';
import { noCache } from '../../../shared/core/cache.ts';
import { systemClock } from '../../../shared/core/clock.ts';
import type { Database } from '../../../shared/core/database.ts';
import { type Failpoint, noFailpoint } from '../../../shared/core/failpoint.ts';
import type { ObjectStore } from '../../../shared/core/object-store.ts';
import type { Nudge, Priority, QueueName, WorkQueue } from '../../../shared/core/work-queue.ts';
import { acceptDocument } from '../../../shared/ingestion/accept-document.ts';
import { embedChunksMessage } from '../../../shared/ingestion/embed-chunks.message.ts';
import { embedChunks, type ModelSpace, type Postponement } from '../../../shared/ingestion/embed-chunks.ts';
import { EmbeddingNudges } from '../../../shared/ingestion/embedding-nudges.ts';
import { ingestDocumentMessage } from '../../../shared/ingestion/ingest-document.message.ts';
import { type Ingested, ingestDocuments } from '../../../shared/ingestion/ingest-documents.ts';
import { nudgeIngestion } from '../../../shared/ingestion/nudge-ingestion.ts';
import { EmbeddingCache } from '../../../shared/models/embedding-cache.ts';
import { RetryingEmbedder } from '../../../shared/models/retrying-embedder.ts';

/** Places that a worker reaches while it holds a document: whoever waited there for another change of it would wait for ever. */
export const stepsInsideTransactions: ReadonlySet<string> = new Set(['worker.mid_chunk_insert', 'worker.before_swap']);

interface Waiting {
  readonly queue: QueueName;
  readonly body: unknown;
  readonly dueAt: number;
}

/** A queue in memory, with delays; `drain` plays the event sources with so many workers at a time. */
export class MemoryQueue implements WorkQueue {
  readonly sent: { readonly queue: QueueName; readonly nudge: Nudge }[] = [];
  private waiting: Waiting[] = [];

  async send(queue: QueueName, nudges: readonly Nudge[]): Promise<number> {
    for (const nudge of nudges) {
      this.sent.push({ queue, nudge });
      this.waiting.push({ queue, body: nudge.body, dueAt: Date.now() + (nudge.delaySeconds ?? 0) * 1_000 });
    }
    return nudges.length;
  }

  async depth(queue: QueueName): Promise<number> {
    return this.waiting.filter((message) => message.queue === queue).length;
  }

  take(kind: 'ingest' | 'embed', most: number): { queue: QueueName; bodies: unknown[] } | undefined {
    const now = Date.now();
    const first = this.waiting.find((message) => message.queue.startsWith(kind) && message.dueAt <= now);
    if (!first) return undefined;
    const taken = this.waiting
      .filter((message) => message.queue === first.queue && message.dueAt <= now)
      .slice(0, most);
    const gone = new Set(taken);
    this.waiting = this.waiting.filter((message) => !gone.has(message));
    return { queue: first.queue, bodies: taken.map((message) => message.body) };
  }

  get size(): number {
    return this.waiting.length;
  }

  /** For whoever reads why a test stands still. */
  get waitingFor(): readonly Waiting[] {
    return this.waiting;
  }
}

/** Objects in memory. */
export class MemoryObjects implements ObjectStore {
  readonly bodies = new Map<string, Uint8Array>();

  async put(key: string, body: Uint8Array): Promise<{ versionId: undefined }> {
    this.bodies.set(key, body);
    return { versionId: undefined };
  }

  async get(key: string): ReturnType<ObjectStore['get']> {
    const body = this.bodies.get(key);
    return body && { body, bytes: body.length, contentType: undefined, versionId: undefined, metadata: {} };
  }

  head = async (): Promise<undefined> => undefined;
  list = async (prefix: string, after = ''): ReturnType<ObjectStore['list']> =>
    [...this.bodies]
      .filter(([key]) => key.startsWith(prefix) && key > after)
      .map(([key, body]) => ({ key, bytes: body.length, modifiedAt: new Date() }))
      .sort((one, other) => (one.key < other.key ? -1 : 1));
  delete = async (keys: readonly string[]): Promise<void> => {
    for (const key of keys) this.bodies.delete(key);
  };
  countVersions = async (prefix: string): Promise<number> =>
    [...this.bodies.keys()].filter((key) => key.startsWith(prefix)).length;
  /** Without versions: what is not current is nowhere. */
  async purge(prefix: string, only?: readonly string[]): Promise<number> {
    if (only) return 0;
    const keys = [...this.bodies.keys()].filter((key) => key.startsWith(prefix));
    for (const key of keys) this.bodies.delete(key);
    return keys.length;
  }
  async stream(key: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    const body = this.bodies.get(key);
    return (
      body &&
      (async function* () {
        yield body;
      })()
    );
  }
  async beginUpload(key: string): ReturnType<ObjectStore['beginUpload']> {
    const parts: Uint8Array[] = [];
    return {
      write: async (part) => void parts.push(Uint8Array.from(part)),
      complete: async () => void this.bodies.set(key, Buffer.concat(parts)),
      abort: async () => {},
    };
  }
  presignGet = async (): Promise<never> => Promise.reject(new Error('not used'));
  presignPut = async (): Promise<never> => Promise.reject(new Error('not used'));
}

export interface WorldOptions {
  readonly database: Database;
  readonly modelUrl: string;
  readonly cache?: EmbeddingCache;
  readonly failpoint?: Failpoint;
  /** Around the provider: circuits, budgets; left out: it is only tried again. */
  readonly space?: ModelSpace;
  readonly fallback?: ModelSpace;
}

/** Ingestion with everything real but the queue and the bucket. */
export class IngestionWorld {
  readonly queue = new MemoryQueue();
  readonly objects = new MemoryObjects();
  readonly postponed: Postponement[] = [];
  failpoint: Failpoint;
  private readonly options: WorldOptions;
  private readonly embedder: OpenAiEmbedder;
  private active = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.failpoint = options.failpoint ?? noFailpoint;
    this.embedder = new OpenAiEmbedder({
      apiKey: async () => 'key',
      baseUrl: options.modelUrl,
      model: 'text-embedding-3-small',
      dimensions: 1_536,
    });
  }

  async post(
    workspaceId: string,
    collectionId: string,
    text: string | Uint8Array,
    document: {
      name?: string;
      sourceUri?: string | null;
      priority?: Priority;
      contentType?: string;
      nudge?: boolean;
    } = {},
  ): Promise<{ documentId: string; version: number }> {
    const key = `content/${randomUUID()}`;
    const body = typeof text === 'string' ? Buffer.from(text) : text;
    await this.objects.put(key, body);
    const priority = document.priority ?? 'default';
    const accepted = await this.options.database.inWorkspace({ workspaceId }, (db) =>
      acceptDocument(db, {
        workspaceId,
        collectionId,
        name: document.name ?? 'notes.md',
        contentType: document.contentType ?? 'text/markdown',
        bytes: body.length,
        metadata: undefined,
        sourceUri: document.sourceUri ?? null,
        priority,
        object: { key, versionId: null },
        status: 'queued',
        createdBy: 'test',
        now: new Date(),
      }),
    );
    const { id: documentId, version } = accepted.document;
    if (document.nudge !== false)
      await nudgeIngestion(this.queue, { workspaceId, documentId, version, attempt: 1, priority });
    return { documentId, version };
  }

  /** One message by itself. */
  async ingest(body: unknown): Promise<Extract<Ingested, { status: 'fulfilled' }>['value']> {
    const [ended] = await this.ingestBatch([body]);
    if (ended?.status !== 'fulfilled') throw ended?.reason;
    return ended.value;
  }

  ingestBatch(bodies: readonly unknown[]): Promise<readonly Ingested[]> {
    const { database } = this.options;
    const { objects, queue, failpoint } = this;
    // Of an execution environment of its own, which shares no message with others.
    const nudges = new EmbeddingNudges(queue, systemClock);
    const fallbackModel = this.options.fallback?.embedder.model ?? null;
    const ports = {
      database,
      objects,
      nudges,
      failpoint,
      model: this.embedder.model,
      fallbackModel,
      maximumFileBytes: 1e8,
    };
    return ingestDocuments(
      ports,
      bodies.map((body) => ingestDocumentMessage.parse(body)),
    );
  }

  embed(bodies: readonly unknown[]): ReturnType<typeof embedChunks> {
    const ends = Date.now() + 120_000;
    return this.embedWithin(bodies, () => ends - Date.now());
  }

  embedWithin(
    bodies: readonly unknown[],
    remainingTime: () => number,
    isRepeated = false,
    isSuspect = false,
  ): ReturnType<typeof embedChunks> {
    const ports = {
      database: this.options.database,
      queue: this.queue,
      clock: systemClock,
      failpoint: this.failpoint,
      embedder: this.options.space?.embedder ?? new RetryingEmbedder(this.embedder),
      ...(this.options.space ? { admission: this.options.space.admission } : {}),
      fallback: this.options.fallback ?? null,
      cache: this.options.cache ?? new EmbeddingCache(noCache, 900),
      onPostponed: (error: Postponement) => this.postponed.push(error),
    };
    return embedChunks(
      ports,
      bodies.map((body) => embedChunksMessage.parse(body)),
      { remainingTime, isRepeated, isSuspect },
    );
  }

  /** Works until no message is left, delayed ones included. With `onCrash`, messages of crashed workers come again after it. */
  async drain(
    workers: { ingest: number; embed: number } = { ingest: 2, embed: 2 },
    onCrash?: () => Promise<void>,
  ): Promise<void> {
    do {
      const shift = { isOver: false };
      const crews = [
        ...Array.from({ length: workers.ingest }, () => this.work('ingest', 1, shift, onCrash)),
        ...Array.from({ length: workers.embed }, () => this.work('embed', 10, shift, onCrash)),
      ];
      await Promise.all(crews);
    } while (this.queue.size > 0);
  }

  /**
   * All leave together: had those of one queue gone by themselves, a message that somebody sends a moment later would keep those of the other
   * waiting for ever.
   */
  private async work(
    kind: 'ingest' | 'embed',
    batch: number,
    shift: { isOver: boolean },
    onCrash?: () => Promise<void>,
  ): Promise<void> {
    while (!shift.isOver) {
      const taken = this.queue.take(kind, batch);
      if (!taken) {
        if (this.queue.size === 0 && this.active === 0) shift.isOver = true;
        else await new Promise((resolve) => setTimeout(resolve, 10));
        continue;
      }
      this.active += 1;
      try {
        await (kind === 'ingest' ? this.ingest(taken.bodies[0]) : this.embed(taken.bodies));
      } catch (error) {
        if (!onCrash) throw error;
        await onCrash();
        await this.queue.send(
          taken.queue,
          taken.bodies.map((body) => ({ body })),
        );
      } finally {
        this.active -= 1;
      }
    }
  }
}
