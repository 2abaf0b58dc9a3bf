export interface Source {
  readonly mark: string;
  readonly text: string;
}

export interface Prompt {
  readonly sources: readonly Source[];
  readonly question: string;
}

interface Message {
  readonly role: string;
  readonly text: string;
}

/** `[3] text…` at the beginning of a line, up to the next such line, a "Question:" line, or the end. */
const SOURCE = /^\[(\d{1,4})\][ \t]*([\s\S]*?)(?=^\[\d{1,4}\]|^(?:Question|User question)[ \t]*:|$(?![\s\S]))/gim;
const QUESTION = /^(?:User )?Question[ \t]*:[ \t]*([\s\S]+?)(?=^\[\d{1,4}\]|$(?![\s\S]))/im;

/** Finds the numbered sources and the question in a conversation. The question is the last user message without its sources. */
export function readPrompt(messages: readonly Message[]): Prompt {
  const sources = messages
    .filter(({ role }) => role !== 'assistant')
    .flatMap(({ text }) => [...text.matchAll(SOURCE)].map(([, mark = '', body = '']) => ({ mark, text: body.trim() })));
  const last = messages.findLast(({ role }) => role === 'user')?.text ?? '';
  const question = QUESTION.exec(last)?.[1] ?? last.replace(SOURCE, '');
  return { sources, question: question.trim() };
}
