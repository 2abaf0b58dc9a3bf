import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseChatRequest } from '../../../infra/local/models/wire/chat-request.ts';
import {
  type JsonObject,
  readJson,
  routeNotFound,
  sendJson,
  serveLoopback,
} from '../../../infra/local/models/wire/http.ts';
import { OpenAiError } from '../../../infra/local/models/wire/openai-error.ts';
import { ChatScript, sendChat } from './chat-endpoint.ts';
import { answerControl } from './control.ts';
import { leastTokens, prepareEmbeddings } from './embeddings-endpoint.ts';
import { answerInstead, sendBody } from './fault-answers.ts';
import { type FaultRule, Faults } from './faults.ts';
import { Latency, type LatencyOptions } from './latency.ts';
import { Ledger } from './ledger.ts';
import { FakeVectors } from './vectors.ts';

export interface FakeModelServerOptions extends LatencyOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Of vectors, faults by rate and latency profiles. */
  readonly seed?: number;
  readonly faults?: readonly FaultRule[];
  /** Tokens of a text; by default a quick lower bound (see leastTokens). */
  readonly countTokens?: (text: string) => number;
  readonly log?: (message: string) => void;
}

export interface FakeModelServer {
  /** With `/v1`, as OPENAI_BASE_URL takes it. */
  readonly baseUrl: string;
  readonly port: number;
  readonly ledger: Ledger;
  readonly faults: Faults;
  readonly chat: ChatScript;
  /** The vectors it answers with: the truth that recall is measured against. */
  readonly vectors: FakeVectors;
  close(): Promise<void>;
}

interface Exchange {
  readonly json: JsonObject;
  readonly response: ServerResponse;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** A fake of OpenAI's embeddings and chat completions: deterministic, with a ledger, latency and faults on demand. */
export async function startFakeModelServer(options: FakeModelServerOptions = {}): Promise<FakeModelServer> {
  const fake = new FakeModels(options);
  const server = await serveLoopback(
    (request, response) => fake.handle(request, response),
    options.port ?? 0,
    options.log ?? (() => undefined),
  );
  const { ledger, faults, chat, vectors } = fake;
  return { baseUrl: server.baseUrl, port: server.port, ledger, faults, chat, vectors, close: server.close };
}

class FakeModels {
  readonly ledger = new Ledger();
  readonly chat = new ChatScript();
  readonly faults: Faults;
  readonly vectors: FakeVectors;
  readonly #latency: Latency;
  readonly #countTokens: (text: string) => number;

  constructor(options: FakeModelServerOptions) {
    const seed = options.seed ?? 1;
    this.vectors = new FakeVectors(seed);
    this.faults = new Faults(seed);
    this.faults.setRules(options.faults ?? []);
    this.#latency = new Latency(options, seed);
    this.#countTokens = options.countTokens ?? leastTokens;
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = `${request.method} ${new URL(request.url ?? '/', 'http://localhost').pathname}`;
    if (route === 'POST /v1/embeddings') {
      await this.#work('embeddings', request, response, (exchange) => this.#embed(exchange));
    } else if (route === 'POST /v1/chat/completions') {
      await this.#work('chat', request, response, (exchange) => this.#complete(exchange));
    } else if (route === 'GET /v1/models') {
      sendJson(response, 200, {
        object: 'list',
        data: [{ id: 'fake', object: 'model', created: 0, owned_by: 'tests' }],
      });
    } else if (new URL(request.url ?? '/', 'http://localhost').pathname.startsWith('/control/')) {
      await answerControl(route, request, response, this);
    } else {
      request.resume();
      throw routeNotFound(request);
    }
  }

  async #work(
    kind: 'embeddings' | 'chat',
    request: IncomingMessage,
    response: ServerResponse,
    run: (exchange: Exchange) => Promise<void>,
  ): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    this.ledger.begin(kind);
    try {
      const json = await readJson(request);
      this.ledger.look(JSON.stringify(json));
      await run({ json, response, signal: gone.signal });
    } catch (error) {
      if (error instanceof OpenAiError) this.ledger.refuse(error.message);
      throw error;
    } finally {
      this.ledger.end();
    }
  }

  async #embed({ json, response, signal }: Exchange): Promise<void> {
    const work = prepareEmbeddings(json, this.vectors, this.#countTokens);
    const fault = this.faults.decide('embeddings', work.inputs, work.model);
    if (fault) this.ledger.strike(fault.kind);
    if (fault && (await answerInstead(fault, response, signal))) return;
    await this.#latency.wait(work.inputs.length, signal);
    // Bought even when the client has gone meanwhile: the provider does not know.
    this.ledger.buy(work.inputs, work.tokens);
    if (signal.aborted) return;
    await sendBody(work.body(fault), fault, response, signal);
    if (!fault) this.ledger.succeed();
  }

  async #complete({ json, response, signal }: Exchange): Promise<void> {
    const chat = parseChatRequest(json);
    const texts = chat.messages.map(({ text }) => text);
    const fault = this.faults.decide('chat', texts);
    if (fault) this.ledger.strike(fault.kind);
    if (fault && (await answerInstead(fault, response, signal))) return;
    await this.#latency.wait(0, signal);
    await sendChat(chat, await this.chat.next(chat), fault, response, signal);
    if (!fault && !signal.aborted) this.ledger.succeed();
  }
}
