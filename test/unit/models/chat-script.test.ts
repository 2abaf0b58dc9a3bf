import { expect, it } from 'vitest';
import type { ChatRequest } from '../../../infra/local/models/wire/chat-request.ts';
import { ChatScript } from '../../support/fake-model-server/chat-endpoint.ts';

it('keeps an answer for the request it is meant for', async () => {
  const script = new ChatScript();
  script.answerWith(() => 'no one asked');
  script.enqueue({ content: 'in 1747', to: /lighthouse/ }, 'next');
  const ask = async (text: string) =>
    (await script.next({ messages: [{ role: 'user', text }] } as unknown as ChatRequest)).content;
  expect(await ask('Describe a table')).toBe('next');
  expect(await ask('Describe another')).toBe('no one asked');
  expect(await ask('When was the lighthouse lit?')).toBe('in 1747');
  expect(await ask('When was the lighthouse lit?')).toBe('no one asked');
});
