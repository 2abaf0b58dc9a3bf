import type { ChatFinish, ChatModel, ChatOptions, ChatOutcome, ChatRequest, ChatUsage } from './chat-model.ts';
import { ModelError } from './model-error.ts';

/** About right for English; a provider that does not say what it counted is rare. */
const charactersPerToken = 4;

/**
 * One call from beginning to end: yields the text as it comes, and returns what the call came to. A failure is part of the outcome,
 * so that what was received before it is still metered. A caller that leaves the loop early must abort the signal to end the request.
 */
export async function* completeChat(
  model: ChatModel,
  request: ChatRequest,
  options: ChatOptions,
): AsyncGenerator<string, ChatOutcome> {
  const parts: string[] = [];
  let usage: ChatUsage | undefined;
  let finish: ChatFinish | undefined;
  let name = model.model;
  let error: ModelError | undefined;
  try {
    for await (const event of model.stream(request, options)) {
      if (event.type === 'delta') {
        parts.push(event.text);
        yield event.text;
      } else ({ finish, usage, model: name } = event);
    }
  } catch (thrown) {
    if (!(thrown instanceof ModelError)) throw thrown;
    error = thrown;
  }
  const text = parts.join('');
  return { text, model: name, finish, usage: usage ?? estimate(request, text, error), error };
}

/** The whole answer at once. */
export async function completeChatText(
  model: ChatModel,
  request: ChatRequest,
  options: ChatOptions,
): Promise<ChatOutcome> {
  const call = completeChat(model, request, options);
  for (;;) {
    const { done, value } = await call.next();
    if (done) return value;
  }
}

/** A request that failed before its first token was most likely not billed. */
function estimate({ messages }: ChatRequest, text: string, error: ModelError | undefined): ChatUsage {
  if (error && text === '') return { promptTokens: 0, completionTokens: 0 };
  const prompt = messages.reduce((sum, { content }) => sum + content.length, 0);
  return {
    promptTokens: Math.ceil(prompt / charactersPerToken),
    completionTokens: Math.ceil(text.length / charactersPerToken),
  };
}
