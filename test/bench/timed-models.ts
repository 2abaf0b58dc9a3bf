import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startModelServer } from '../../infra/local/models/server.ts';

export interface TimedModels {
  readonly baseUrl: string;
  /** What each chat call takes at least, in milliseconds: a timer, which is nobody's work. */
  chatMilliseconds: number;
  /** Milliseconds in which at least one request was under way, since this was asked last. */
  takeBusy(): number;
  close(): Promise<void>;
}

/** The offline models behind a door that knows how long they were asked: what a call takes beyond that is ours. */
export async function startTimedModels(): Promise<TimedModels> {
  const models = await startModelServer();
  let underWay = 0;
  let since = 0;
  let busy = 0;
  const begin = () => {
    if (underWay === 0) since = performance.now();
    underWay += 1;
  };
  const end = () => {
    underWay -= 1;
    if (underWay === 0) busy += performance.now() - since;
  };
  const door: TimedModels = {
    baseUrl: '',
    chatMilliseconds: 0,
    takeBusy() {
      const taken = busy;
      busy = 0;
      return taken;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await models.close();
    },
  };
  const server = createServer((request, response) => {
    begin();
    response.once('close', end);
    const pause = request.url?.endsWith('/chat/completions') ? door.chatMilliseconds : 0;
    void sleep(pause).then(() => pass(request, response, models.port));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(door, { baseUrl: `http://127.0.0.1:${port}/v1` });
}

function pass(request: IncomingMessage, response: ServerResponse, port: number): void {
  const { method, url, headers } = request;
  const onward = send({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}
