import { connect, type Socket } from 'node:net';
import { MessageReader, type WireMessage } from '../support/runtime-interface-wire.ts';
import type { HttpClient } from './http-client.ts';

/**
 * A client on plain sockets that stay open, with the reader that the runtime interface has: what is compared with a handler behind that
 * must not pay for a costlier client. For servers that say Content-Length; each connection has one request under way.
 */
export function wireClient(baseUrl: string): HttpClient {
  const { hostname, port, host } = new URL(baseUrl);
  const idle: WireConnection[] = [];
  return async (method, path, body) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const connection = idle.pop() ?? new WireConnection(hostname, Number(port));
    const started = performance.now();
    const { start, body: answer } = await connection.ask(
      `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    );
    const milliseconds = performance.now() - started;
    idle.push(connection);
    return { status: Number(start.split(' ')[1]), body: answer, milliseconds };
  };
}

class WireConnection {
  readonly #socket: Socket;
  #asked: PromiseWithResolvers<WireMessage> | undefined;

  constructor(hostname: string, port: number) {
    const reader = new MessageReader((message) => this.#asked?.resolve(message));
    this.#socket = connect({ host: hostname, port, noDelay: true })
      .on('data', (data: Buffer) => reader.take(data))
      .on('error', (error) => this.#asked?.reject(error))
      .on('close', () => this.#asked?.reject(new Error('the server closed the connection')));
  }

  ask(request: string): Promise<WireMessage> {
    this.#asked = Promise.withResolvers<WireMessage>();
    this.#socket.write(request);
    return this.#asked.promise;
  }
}
