import { setTimeout as sleep } from 'node:timers/promises';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { markdownDocument } from '../bench/markdown-corpus.ts';
import { type Answer, ApiClient } from '../support/api-client.ts';
import type { World } from './world.ts';

/** What the system said yes to, and what it must therefore hold in the end. */
export interface Accepted {
  /** `s3://` and the key for an upload, else the source of the post. */
  readonly source: string;
  /** UUID; undefined for an upload, whose document is found by its source. */
  readonly documentId: string | undefined;
  readonly jobId: string | undefined;
  readonly name: string;
  readonly contentType: string;
  readonly content: string | Uint8Array;
  /** How it must end: undefined for ready, else the code of its failure; `deleted` for one that was deleted since. */
  fate: string | undefined;
}

export interface PostOptions {
  readonly name?: string;
  readonly content?: string;
  readonly contentType?: string;
  /** The same source again is a new version. */
  readonly source?: string;
  readonly priority?: 'critical' | 'default' | 'low';
  readonly fate?: string;
}

const uuidOf = (publicId: string): string =>
  publicId.replace(/^[a-z]+_(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

const attempts = 60;
const connections = 4;

/** One workspace and what a client does in it. It asks again under the same key until it is told yes or no. */
export class Traffic {
  readonly workspaceId: string;
  readonly publicWorkspaceId: string;
  readonly collectionId: string;
  readonly api: ApiClient;
  /** The latest by source. */
  readonly accepted = new Map<string, Accepted>();
  /** Requests that had to be repeated. */
  repeated = 0;
  readonly #world: World;
  readonly #firstNumber: number;
  #posted = 0;

  private constructor(world: World, workspace: string, collectionId: string, api: ApiClient, firstNumber: number) {
    this.#world = world;
    this.publicWorkspaceId = workspace;
    this.workspaceId = uuidOf(workspace);
    this.collectionId = collectionId;
    this.api = api;
    this.#firstNumber = firstNumber;
  }

  /** @param firstNumber of its documents in the corpus, where no two are alike */
  static async begin(world: World, name: string, firstNumber: number): Promise<Traffic> {
    const operator = new ApiClient(world.cloud.url, world.cloud.operatorKey);
    const made = await operator.expect(201, 'POST', '/v1/workspaces', { name });
    const api = new ApiClient(world.cloud.url, made.api_key.secret);
    const collection = await api.expect(201, 'POST', '/v1/collections', { name: 'documents' });
    return new Traffic(world, made.id, collection.id, api, firstNumber);
  }

  /** Posts documents of the corpus, several at a time. */
  async post(count: number, options: PostOptions = {}): Promise<readonly Accepted[]> {
    const accepted: Accepted[] = [];
    let left = count;
    const client = async (): Promise<void> => {
      while (left-- > 0) accepted.push(await this.postOne(options));
    };
    await Promise.all(Array.from({ length: Math.min(connections, count) }, client));
    return accepted;
  }

  async postOne(options: PostOptions = {}): Promise<Accepted> {
    const number = this.#posted++;
    const made = markdownDocument(this.#firstNumber + number);
    const { name = made.name, content = made.content, contentType = 'text/markdown', fate } = options;
    const source = options.source ?? `file:///${number}`;
    const body = {
      collection_id: this.collectionId,
      ...{ name, content, content_type: contentType, source_uri: source },
      ...(options.priority === undefined ? {} : { priority: options.priority }),
    };
    const answer = await this.request('POST', '/v1/documents', body, `post-${number}`);
    if (answer.status !== 202) throw new Error(`POST /v1/documents: ${answer.status} ${answer.text}`);
    const { document, job } = answer.body;
    const documentId = uuidOf(document.id);
    const accepted: Accepted = { source, documentId, jobId: job.id, name, contentType, content, fate };
    this.accepted.set(source, accepted);
    return accepted;
  }

  /** Puts a file into the bucket, as anybody with an S3 client does. */
  async put(path: string, content: string | Uint8Array, contentType = 'text/markdown'): Promise<Accepted> {
    const key = this.keyOf(path);
    const put = new PutObjectCommand({
      ...{ Bucket: this.#world.cloud.uploadBucket, Key: key, Body: content, ContentType: contentType },
    });
    await this.#insist(() => this.#world.s3.send(put));
    const name = path.slice(path.lastIndexOf('/') + 1);
    const source = `s3://${key}`;
    const accepted: Accepted = {
      ...{ source, documentId: undefined, jobId: undefined, name, contentType, content, fate: undefined },
    };
    this.accepted.set(source, accepted);
    return accepted;
  }

  /** Takes a file out of the bucket again. */
  async removeObject(upload: Accepted): Promise<void> {
    const key = upload.source.slice('s3://'.length);
    const remove = new DeleteObjectCommand({ Bucket: this.#world.cloud.uploadBucket, Key: key });
    await this.#insist(() => this.#world.s3.send(remove));
    upload.fate = 'deleted';
  }

  keyOf(path: string): string {
    return `uploads/${this.publicWorkspaceId}/${this.collectionId}/${path}`;
  }

  /** Deletes a posted document over HTTPS. */
  async remove(document: Accepted): Promise<void> {
    const id = `doc_${document.documentId?.replaceAll('-', '')}`;
    const answer = await this.request('DELETE', `/v1/documents/${id}`);
    // Gone already: an earlier try did it, and its answer was lost.
    if (answer.status !== 202 && answer.status !== 404)
      throw new Error(`DELETE ${id}: ${answer.status} ${answer.text}`);
    document.fate = 'deleted';
  }

  /** Deletes the collection with everything in it. */
  async removeCollection(): Promise<void> {
    const path = `/v1/collections/${this.collectionId}`;
    const answer = await this.request('DELETE', path);
    if (answer.status !== 202 && answer.status !== 404)
      throw new Error(`DELETE ${path}: ${answer.status} ${answer.text}`);
    for (const document of this.accepted.values()) document.fate = 'deleted';
  }

  /** Asks until the answer is not "come again": every 5xx, 409 in flight, 429, and a connection that broke. */
  async request(method: string, path: string, body?: unknown, idempotencyKey?: string): Promise<Answer> {
    const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey };
    for (let attempt = 1; ; attempt++) {
      const answer = await this.api.request(method, path, { body, headers }).catch(() => undefined);
      const again = answer === undefined || answer.status >= 500 || answer.status === 429 || isInFlight(answer);
      if (!again) return answer;
      if (attempt === attempts) throw new Error(`${method} ${path}: ${answer?.status} ${answer?.text}`);
      this.repeated += 1;
      await sleep(250);
    }
  }

  async #insist<T>(send: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send();
      } catch (error) {
        if (attempt === attempts) throw error;
        this.repeated += 1;
        await sleep(250);
      }
    }
  }
}

const isInFlight = ({ status, body }: Answer): boolean => status === 409 && body?.code === 'idempotency_in_flight';
