import { randomBytes } from 'node:crypto';
import { PostgresCustomerDatabases } from '../../../shared/adapters/postgres/customer-databases.ts';
import { systemClock } from '../../../shared/core/clock.ts';
import { DbragError } from '../../../shared/core/errors.ts';
import { newUuid } from '../../../shared/core/ids.ts';
import { Outage } from '../../../shared/core/outage.ts';
import type { Nudge, QueueName, WorkQueue } from '../../../shared/core/work-queue.ts';
import { answerRequest } from '../../../shared/databases/answer-request.ts';
import { DatabaseClient } from '../../../shared/databases/ask-database.ts';
import { type CatalogTable, listCatalog } from '../../../shared/databases/catalog.ts';
import { beginRefresh } from '../../../shared/databases/catalog-jobs.ts';
import { type Connection, insertConnection } from '../../../shared/databases/connections.ts';
import { describeCatalogTables } from '../../../shared/databases/describe-catalog-tables.ts';
import {
  type DescribeTableMessage,
  describeTableMessage,
  describeTableNudge,
} from '../../../shared/databases/describe-table.message.ts';
import { embedCatalog } from '../../../shared/databases/embed-catalog.ts';
import type { QueryDatabaseRequest } from '../../../shared/databases/query-database.message.ts';
import { refreshCatalog } from '../../../shared/databases/refresh-catalog.ts';
import { getJob, type Job } from '../../../shared/jobs/jobs.ts';
import { maintenanceMessage } from '../../../shared/jobs/maintenance.message.ts';
import { noQuotas, type WorkspaceQuotas } from '../../../shared/limits/quotas.ts';
import type { ChatModel, ChatRequest } from '../../../shared/models/chat-model.ts';
import { ModelError } from '../../../shared/models/model-error.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { FakeEmbedder } from '../../unit/models/fake-embedder.ts';

const readerPassword = 'reader-password';
const plenty = () => 600_000;

/** A chat model that keeps what it was asked, and says what the test wants. */
class FakeChat implements ChatModel {
  readonly model = 'fake-chat';
  readonly provider = 'fake';
  readonly limits = { contextTokens: 100_000, maximumOutputTokens: 1_000 };
  readonly requests: ChatRequest[] = [];
  milliseconds = 0;
  answer: (prompt: string) => string | ModelError = (prompt) =>
    `One row for each of ${/table: (.*)/.exec(prompt)?.[1]}.`;

  async *stream(request: ChatRequest): ReturnType<ChatModel['stream']> {
    this.requests.push(request);
    if (this.milliseconds > 0) await new Promise((resolve) => setTimeout(resolve, this.milliseconds));
    const answer = this.answer(request.messages.map(({ content }) => content).join('\n'));
    if (typeof answer !== 'string') throw answer;
    yield { type: 'delta', text: answer };
    yield { type: 'end', finish: 'stop', model: this.model, usage: { promptTokens: 10, completionTokens: 5 } };
  }
}

/** Of messages that come again, since others hold the workspace's tokens. */
const isOfTokens = (error: unknown): boolean =>
  error instanceof Outage && error.cause instanceof DbragError && error.cause.code === 'rate_limited';

export const modelIsAway = () => new ModelError('outage', 'The model is away.', { retryAfterSeconds: 0.01 });

/** One server that holds both our tables and a customer's, whose reader is a role with a name of its own. */
export class CatalogWorld {
  readonly database: TestDatabase;
  readonly workspaceId: string;
  readonly schema: string;
  readonly reader: string;
  readonly chat = new FakeChat();
  readonly embedder = Object.assign(new FakeEmbedder(), { dimensions: 1536 });
  readonly asked: QueryDatabaseRequest[] = [];
  quotas: WorkspaceQuotas = noQuotas;
  /** Throws in place of the function that connects. */
  fault: (request: QueryDatabaseRequest) => void = () => {};
  readonly client: DatabaseClient;
  private waiting: { readonly queue: QueueName; readonly nudge: Nudge }[] = [];
  private readonly customers: PostgresCustomerDatabases;

  private constructor(database: TestDatabase, workspaceId: string) {
    const word = randomBytes(4).toString('hex');
    this.database = database;
    this.workspaceId = workspaceId;
    this.schema = `shop_${word}`;
    this.reader = `reader_${word}`;
    const embed = this.embedder.embed.bind(this.embedder);
    this.embedder.embed = async (texts, options) => {
      const { tokens } = await embed(texts, options);
      return { vectors: texts.map(wideVector), tokens };
    };
    this.customers = new PostgresCustomerDatabases({
      rules: { allowedNetworks: [], publicPorts: [], loopback: true },
      resolve: async () => ['127.0.0.1'],
      password: async () => readerPassword,
      authorities: () => '',
    });
    this.client = new DatabaseClient({
      ask: async (request) => {
        this.asked.push(request);
        this.fault(request);
        return answerRequest(this.customers, request);
      },
    });
  }

  static async start(): Promise<CatalogWorld> {
    const database = await createTestDatabase();
    const workspaceId = newUuid();
    await database.admin.query(`INSERT INTO dbrag.workspaces (id, name) VALUES ($1, 'test')`, [workspaceId]);
    const world = new CatalogWorld(database, workspaceId);
    await database.admin.query(
      `CREATE ROLE ${world.reader} LOGIN PASSWORD '${readerPassword}'; CREATE SCHEMA ${world.schema}; GRANT USAGE ON SCHEMA ${world.schema} TO ${world.reader};
       ALTER DEFAULT PRIVILEGES IN SCHEMA ${world.schema} GRANT SELECT ON TABLES TO ${world.reader};`,
    );
    return world;
  }

  /** SQL of the customer, in their schema. */
  async customer(sql: string): Promise<void> {
    await this.database.admin.query(`SET search_path = ${this.schema}, public; ${sql}; RESET search_path`);
  }

  async connect(settings: Partial<Connection> = {}): Promise<Connection> {
    const { hostname, port, pathname } = new URL(this.database.adminUrl);
    return this.inWorkspace((db) =>
      insertConnection(
        db,
        this.workspaceId,
        newUuid(),
        {
          name: 'shop',
          host: hostname,
          port: Number(port || 5432),
          database_name: pathname.slice(1),
          user_name: this.reader,
          authentication: 'password',
          ssl: 'disable',
          ca_certificate: null,
          secret_name: 'somewhere',
          schemas: [this.schema],
          tables_include: [],
          tables_exclude: [],
          send_rows_to_model: false,
          ...settings,
        },
        { serverVersion: '17', createdBy: 'test' },
      ),
    );
  }

  inWorkspace<T>(work: Parameters<TestDatabase['application']['inWorkspace']>[1]): Promise<T> {
    return this.database.application.inWorkspace({ workspaceId: this.workspaceId }, work) as Promise<T>;
  }

  async beginRefresh(connection: Connection): Promise<string> {
    const { jobId } = await this.inWorkspace<{ jobId: string }>((db) =>
      beginRefresh(db, { clock: systemClock }, this.workspaceId, connection.id, 'test'),
    );
    return jobId;
  }

  job(jobId: string): Promise<Job> {
    return this.inWorkspace((db) => getJob(db, this.workspaceId, jobId));
  }

  async tables(connection: Connection): Promise<readonly CatalogTable[]> {
    const page = await this.inWorkspace<{ items: readonly CatalogTable[] }>((db) =>
      listCatalog(db, this.workspaceId, connection.id, { limit: 10_000 }),
    );
    return page.items;
  }

  /** A refresh from beginning to end. */
  async refresh(connection: Connection): Promise<Job> {
    const jobId = await this.beginRefresh(connection);
    await this.maintain('refresh_catalog', jobId);
    await this.drain();
    return this.job(jobId);
  }

  async maintain(kind: 'refresh_catalog' | 'embed_catalog', jobId: string): Promise<void> {
    const { database, client } = this;
    if (kind === 'embed_catalog') {
      const ports = { database: database.application, embedder: this.embedder, now: Date.now };
      return embedCatalog(ports, this.workspaceId, jobId, plenty);
    }
    const ports = { database: database.application, queue: this.queue, clock: systemClock, client };
    return refreshCatalog(ports, this.workspaceId, jobId, plenty);
  }

  describe(messages: readonly DescribeTableMessage[]): Promise<void> {
    const { database, queue, client, chat } = this;
    const ports = {
      database: database.application,
      queue,
      client,
      chatOf: async () => chat,
      quotasOf: async () => this.quotas,
      now: Date.now,
    };
    return describeCatalogTables(ports, messages, plenty);
  }

  /** Messages for tables that wait. */
  takeCatalog(): DescribeTableMessage[] {
    const taken = this.waiting.filter(({ queue }) => queue === 'catalog');
    this.waiting = this.waiting.filter(({ queue }) => queue !== 'catalog');
    return taken.map(({ nudge }) => describeTableMessage.parse(nudge.body));
  }

  /** Plays the event sources until nothing waits: batches of ten, as many at once as there are workers. What waits for tokens comes again. */
  async drain(workers = 2): Promise<void> {
    while (this.waiting.length > 0) {
      const messages = this.takeCatalog();
      const batches = Array.from({ length: Math.ceil(messages.length / 10) }, (_, at) =>
        messages.slice(at * 10, at * 10 + 10),
      );
      const again: DescribeTableMessage[] = [];
      const work = async () => {
        for (let batch = batches.shift(); batch; batch = batches.shift()) {
          const taken = batch;
          await this.describe(taken).catch((error: unknown) => {
            if (!isOfTokens(error)) throw error;
            again.push(...taken);
          });
        }
      };
      await Promise.all(Array.from({ length: workers }, work));
      for (const { nudge } of this.waiting.splice(0)) {
        const message = maintenanceMessage.parse(nudge.body);
        if (message.kind === 'refresh_catalog' || message.kind === 'embed_catalog')
          await this.maintain(message.kind, message.job_id);
      }
      await this.queue.send('catalog', again.map(describeTableNudge));
    }
  }

  async close(): Promise<void> {
    await this.customers.close();
    await this.database.admin.query(
      `DROP SCHEMA ${this.schema} CASCADE; DROP OWNED BY ${this.reader}; DROP ROLE ${this.reader}`,
    );
    await this.database.close();
  }

  readonly queue: WorkQueue = {
    send: async (queue, nudges) => {
      this.waiting.push(...nudges.map((nudge) => ({ queue, nudge })));
      return nudges.length;
    },
    depth: async () => this.waiting.length,
  };
}

function wideVector(text: string): Float32Array {
  const vector = new Float32Array(1536);
  for (const word of text.toLowerCase().match(/\p{L}+/gu) ?? [])
    for (const [at, letter] of [...word].entries()) {
      const index = ((letter.codePointAt(0) ?? 0) * 31 + at * 7 + word.length) % 1536;
      vector[index] = (vector[index] ?? 0) + 1;
    }
  if (vector.every((value) => value === 0)) vector[0] = 1;
  return vector;
}
