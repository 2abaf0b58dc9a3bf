import type { ChatRequest } from './chat-model.ts';

/** Models count about four letters a token, and fewer where names are no words. */
const bytesPerToken = 3.5;

/** Of a text, by its bytes: more than most texts have. */
export const tokensOf = (text: string): number => Math.ceil(Buffer.byteLength(text) / bytesPerToken);

/** What a call takes at most: its prompt, and the longest answer. */
export function tokensOfCall({ messages, maximumOutputTokens }: ChatRequest): number {
  return messages.reduce((sum, { content }) => sum + tokensOf(content), maximumOutputTokens);
}
