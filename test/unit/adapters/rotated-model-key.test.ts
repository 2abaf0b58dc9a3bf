import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OpenAiChatModel } from '../../../shared/adapters/openai/openai-chat-model.ts';
import { OpenAiEmbedder } from '../../../shared/adapters/openai/openai-embedder.ts';

/** A provider that knows one key, and what it was shown. */
let server: Server;
let baseUrl: string;
let valid: string;
let shown: (string | undefined)[];
let kept: string;
/** As a reader of secrets: what it kept, until it is asked anew. */
const apiKey = async ({ fresh }: { fresh: boolean }) => {
  if (fresh) kept = valid;
  return kept;
};
const vector = Buffer.from(new Float32Array([1, 0, 0, 0]).buffer).toString('base64');
const deltas = [{ delta: { content: 'Yes' } }, { delta: {}, finish_reason: 'stop' }]
  .map((choice) => `data: ${JSON.stringify({ choices: [{ index: 0, ...choice }] })}\n\n`)
  .join('');

beforeAll(async () => {
  server = createServer((request, response) => {
    shown.push(request.headers.authorization);
    if (request.headers.authorization !== `Bearer ${valid}`) {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: 'Incorrect API key', code: 'invalid_api_key' } }));
      return;
    }
    let sent = '';
    request.on('data', (part) => {
      sent += part;
    });
    request.on('end', () => {
      const isChat = 'messages' in (JSON.parse(sent) as object);
      response.writeHead(200, { 'content-type': isChat ? 'text/event-stream' : 'application/json' });
      response.end(
        isChat ? `${deltas}data: [DONE]\n\n` : JSON.stringify({ data: [{ index: 0, embedding: vector }], usage: {} }),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  [valid, kept, shown] = ['new', 'old', []];
});

async function embed(key = apiKey): Promise<readonly Float32Array[]> {
  const embedder = new OpenAiEmbedder({ apiKey: key, baseUrl, model: 'm', dimensions: 4 });
  return (await embedder.embed(['a'], { deadline: Date.now() + 5_000 })).vectors;
}

async function answer(key = apiKey): Promise<string> {
  const chat = new OpenAiChatModel({ apiKey: key, baseUrl, model: 'm' });
  let text = '';
  const messages = [{ role: 'user' as const, content: 'Is it so?' }];
  for await (const event of chat.stream({ messages, maximumOutputTokens: 10 }, { deadline: Date.now() + 5_000 }))
    if (event.type === 'delta') text += event.text;
  return text;
}

describe('a key of the model provider that was rotated', () => {
  it('is asked for once when the one that was kept is refused', async () => {
    expect((await embed())[0]).toEqual(new Float32Array([1, 0, 0, 0]));
    expect(shown).toEqual(['Bearer old', 'Bearer new']);
    expect(await answer()).toBe('Yes');
    expect(shown).toEqual(['Bearer old', 'Bearer new', 'Bearer new']);
  });

  it('is asked for once for an answer as well', async () => {
    expect(await answer()).toBe('Yes');
    expect(shown).toEqual(['Bearer old', 'Bearer new']);
  });

  it('is shown once where nothing else is known, or nothing can be asked', async () => {
    for (const key of [
      async () => 'wrong',
      async ({ fresh }: { fresh: boolean }) => {
        if (fresh) throw new Error('Secrets Manager is away');
        return 'wrong';
      },
    ]) {
      shown = [];
      await expect(embed(key)).rejects.toMatchObject({ kind: 'provider', status: 401 });
      await expect(answer(key)).rejects.toMatchObject({ kind: 'provider', status: 401 });
      expect(shown).toEqual(['Bearer wrong', 'Bearer wrong']);
    }
  });

  it('is tried once, and not for ever', async () => {
    let n = 0;
    await expect(embed(async () => `wrong ${n++}`)).rejects.toMatchObject({ kind: 'provider', status: 401 });
    expect(shown).toEqual(['Bearer wrong 0', 'Bearer wrong 1']);
  });
});
