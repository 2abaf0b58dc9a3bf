/** The part of `Headers` that is used. */
export interface ReadHeaders {
  get(name: string): string | null;
  has(name: string): boolean;
  forEach(take: (value: string, name: string) => void): void;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

/**
 * What the application reads of a request. `Request` is one, but making it and its stream of a body costs as much as everything else
 * that a known answer takes (0.1 ms, and ten times that for the first of a process).
 */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: ReadHeaders;
  text(): Promise<string>;
}

/** Valid header values (RFC 9110, 5.5); `Headers` throws for anything else, and the caller would get a 502. */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

class ReceivedHeaders implements ReadHeaders {
  readonly #values = new Map<string, string>();

  constructor(many: Readonly<Record<string, readonly string[] | undefined>>) {
    for (const given of Object.keys(many)) {
      const name = given.toLowerCase();
      for (const value of many[given] ?? []) if (fieldValue.test(value)) this.#add(name, value.trim());
    }
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  forEach(take: (value: string, name: string) => void): void {
    this.#values.forEach(take);
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.#values.entries();
  }

  #add(name: string, value: string): void {
    const known = this.#values.get(name);
    this.#values.set(name, known === undefined ? value : `${known}, ${value}`);
  }
}

export class ReceivedRequest implements Received {
  readonly method: string;
  readonly url: string;
  readonly headers: ReadHeaders;
  readonly #body: () => string;

  /** @param body gives the text, when it is asked for */
  constructor(
    method: string,
    url: string,
    headers: Readonly<Record<string, readonly string[] | undefined>>,
    body: () => string,
  ) {
    this.method = method;
    this.url = url;
    this.headers = new ReceivedHeaders(headers);
    this.#body = body;
  }

  async text(): Promise<string> {
    return this.#body();
  }
}
