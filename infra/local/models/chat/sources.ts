export interface Source {
  readonly mark: string;
  /** True: rows that a database gave. */
  readonly isResult: boolean;
  readonly text: string;
}

/** What the prompt asks for, as far as a model without understanding can tell. */
export type Task = 'answer' | 'split' | 'rewrite' | 'describe' | 'sql';

export interface Prompt {
  readonly task: Task;
  readonly sources: readonly Source[];
  readonly question: string;
  /** All of the last user message. */
  readonly asked: string;
  /** Questions that it was split into. */
  readonly parts: readonly string[];
  /** True: a mark must hold the words that it stands for. */
  readonly quotes: boolean;
  /** What to write when no source answers; undefined where the prompt does not say. */
  readonly nothingFound: string | undefined;
  /** Questions that a user asked before. */
  readonly earlier: readonly string[];
}

interface Message {
  readonly role: string;
  readonly text: string;
}

/** `<source-… n="3" …>text</source-…>`: the closing tag is the opening one's, so that no text can end its own source. */
const FENCED = /<source(-[\w-]+)?\s[^>]*?n="(\d{1,4})"([^>]*)>([\s\S]*?)<\/source\1>/g;
/** `[3] text…` at the beginning of a line, up to the next such line, a "Question:" line, or the end. */
const NUMBERED = /^\[(\d{1,4})\][ \t]*([\s\S]*?)(?=^\[\d{1,4}\]|^(?:Question|User question)[ \t]*:|$(?![\s\S]))/gim;
const QUESTION = /^(?:User )?Question[ \t]*:[ \t]*([\s\S]+?)(?=^\[\d{1,4}\]|$(?![\s\S]))/im;
const PART = /<part-[\w-]+ question="([^"]*)">/g;
const EARLIER = /<question(-[\w-]+)?>([\s\S]*?)<\/question\1>/g;

/** Finds the task, the sources and the question in a conversation. The question is the last user message without its sources. */
export function readPrompt(messages: readonly Message[]): Prompt {
  const told = messages.filter(({ role }) => role === 'system' || role === 'developer').map(({ text }) => text);
  const instructions = told.join('\n');
  const last = messages.findLast(({ role }) => role === 'user')?.text ?? '';
  const unfenced = last.replace(FENCED, '');
  const question = QUESTION.exec(unfenced)?.[1] ?? unfenced.replace(NUMBERED, '');
  return {
    task: taskOf(instructions),
    sources: sourcesOf(messages),
    question: question.trim(),
    asked: last,
    parts: [...last.replace(FENCED, '').matchAll(PART)].map((match) => match[1] ?? ''),
    quotes: /\[(?:number|n): ?"/i.test(instructions),
    nothingFound: /write only: (.+)$/im.exec(instructions)?.[1]?.trim(),
    earlier: [...last.matchAll(EARLIER)].map((match) => (match[2] ?? '').trim()),
  };
}

function taskOf(instructions: string): Task {
  if (/^write one SQL statement/i.test(instructions)) return 'sql';
  if (/^describe the table of a database/i.test(instructions)) return 'describe';
  if (/^split the question/i.test(instructions)) return 'split';
  return /^rewrite the question/i.test(instructions) ? 'rewrite' : 'answer';
}

function sourcesOf(messages: readonly Message[]): Source[] {
  const texts = messages.filter(({ role }) => role === 'user').map(({ text }) => text);
  const fenced = texts.flatMap((text) => [...text.matchAll(FENCED)]);
  if (fenced.length > 0)
    return fenced.map((match) => ({
      mark: match[2] ?? '',
      isResult: /\sdatabase="/.test(match[3] ?? ''),
      text: (match[4] ?? '').trim(),
    }));
  return messages
    .filter(({ role }) => role !== 'assistant')
    .flatMap(({ text }) => [...text.matchAll(NUMBERED)])
    .map(([, mark = '', body = '']) => ({ mark, isResult: false, text: body.trim() }));
}
