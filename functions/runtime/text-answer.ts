import type { ReadHeaders } from './received-request.ts';

/** Headers of an answer, under lower-case names, one value each. */
class AnswerHeaders implements ReadHeaders {
  readonly #values = new Map<string, string>();

  constructor(given: Readonly<Record<string, string>>) {
    for (const name of Object.keys(given)) this.set(name, given[name] as string);
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), value);
  }

  forEach(take: (value: string, name: string) => void): void {
    this.#values.forEach(take);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#values.entries();
  }
}

/** A response whose text is complete. It replaces `Response`, whose stream costs more than everything else in it. */
export class TextAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly body: string;

  constructor(body: string, status: number, headers: Readonly<Record<string, string>> = {}) {
    this.body = body;
    this.status = status;
    this.headers = new AnswerHeaders(headers);
  }

  async text(): Promise<string> {
    return this.body;
  }

  async json(): Promise<unknown> {
    return JSON.parse(this.body);
  }
}
