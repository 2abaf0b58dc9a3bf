import { DbragError } from '../core/errors.ts';
import type { ChatModel, ChatOptions, ChatOutcome } from '../models/chat-model.ts';
import { completeChat } from '../models/complete-chat.ts';
import { problemOfModel } from '../models/model-problem.ts';
import { CheckedAnswer } from './checked-answer.ts';
import type { Citation } from './citation.ts';
import type { Passage } from './passages.ts';
import { nothingFound, type Prompt } from './prompt.ts';

/** An answer as it stands after every check. */
export interface WrittenAnswer {
  /** Null if the model could not write it, or wrote something forbidden; `error` says why. */
  readonly text: string | null;
  /** Empty when nothing was found. */
  readonly citations: readonly Citation[];
  readonly removedMarks: number;
  /** Numbers that stand in no row and in no source; each is marked in the text. */
  readonly unverifiedNumbers: number;
  readonly degraded: readonly string[];
  readonly error: DbragError | null;
  /** Undefined where no model was asked. */
  readonly call: ChatOutcome | undefined;
  readonly promptHash: string | null;
  /** From the request to the model's first token, in milliseconds; null when none came. */
  readonly firstTokenMilliseconds: number | null;
}

/** Long enough for any readable answer; a longer one is cut here. */
const maximumOutputTokens = 1_500;

/**
 * Asks the model and checks what it says while it says it. Yields text that may be shown; what is returned is what holds: it differs
 * from the text that was shown where no source survived the check, or the model failed halfway.
 */
export async function* writeAnswer(
  model: ChatModel,
  prompt: Prompt,
  passages: readonly Passage[],
  options: ChatOptions,
): AsyncGenerator<string, WrittenAnswer> {
  const started = performance.now();
  const checked = new CheckedAnswer(passages, prompt, prompt.question);
  // Ends the request when the answer is refused halfway.
  const refused = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, refused.signal]) : refused.signal;
  const request = { messages: prompt.messages, maximumOutputTokens, purpose: 'answer' } as const;
  const call = completeChat(model, request, { ...options, signal });
  let firstTokenMilliseconds: number | null = null;
  for (;;) {
    const { done, value } = await call.next();
    if (done) {
      const last = value.error ? '' : checked.end();
      if (last !== '') yield last;
      return { ...verdict(value, checked), call: value, promptHash: prompt.hash, firstTokenMilliseconds };
    }
    firstTokenMilliseconds ??= performance.now() - started;
    const shown = checked.push(value);
    if (shown !== '') yield shown;
    if (checked.leaked) refused.abort();
  }
}

type Verdict = Pick<WrittenAnswer, 'text' | 'citations' | 'removedMarks' | 'unverifiedNumbers' | 'degraded' | 'error'>;

function verdict(call: ChatOutcome, checked: CheckedAnswer): Verdict {
  const counts = { removedMarks: checked.removed, unverifiedNumbers: checked.unverifiedNumbers };
  const failed = (error: DbragError): Verdict => ({ text: null, citations: [], ...counts, degraded: [], error });
  if (checked.leaked)
    return failed(new DbragError('model_failed', 'The model revealed its instructions instead of answering.'));
  if (call.error) return failed(problemOfModel(call.error));
  if (call.finish === 'filtered')
    return failed(new DbragError('model_failed', 'The model provider refused to answer this.'));
  const isFound = checked.citations.length > 0;
  return {
    text: isFound ? checked.text.trim() : nothingFound,
    citations: checked.citations,
    ...counts,
    degraded: call.finish === 'length' ? ['answer_truncated'] : [],
    error: null,
  };
}
