import { expect, it } from 'vitest';
import { embedDoubted } from '../../../shared/models/embed-doubted.ts';
import { ModelError } from '../../../shared/models/model-error.ts';
import { FakeEmbedder, vectorOf } from './fake-embedder.ts';

const options = () => ({ deadline: Date.now() + 60_000 });
const failure = new ModelError('transient', 'The model provider answers with 500.', { status: 500 });
const texts = (count: number) => Array.from({ length: count }, (_, i) => `text ${i}`);

/** Fails at requests with such a text; from a request on, at all of them. */
function failing(isPoison: (text: string) => boolean, outageFrom = Number.POSITIVE_INFINITY, error = failure) {
  const embedder = new FakeEmbedder();
  embedder.fault = (asked) => {
    if (asked.some(isPoison) || embedder.requests.length >= outageFrom) throw error;
  };
  return embedder;
}

it('finds exactly the texts that the model fails at, larger parts first', async () => {
  const embedder = failing((text) => text === 'text 5');
  const { outcomes, fault } = await embedDoubted(embedder, texts(8), options());
  expect(fault).toBeNull();
  expect(outcomes).toEqual(texts(8).map((text, i) => (i === 5 ? failure : vectorOf(text))));
  const sizes = embedder.requests.filter(([text]) => text !== 'water').map((asked) => asked.length);
  expect(sizes).toEqual([8, 4, 4, 2, 2, 1, 1]);
});

it('blames no text for an outage that begins meanwhile, whenever that is', async () => {
  // With one text at fault among four there are five requests of texts that fail or not, and a word after each failure.
  const whole = failing((text) => text === 'text 3');
  await embedDoubted(whole, texts(4), options());
  for (let from = 1; from <= whole.requests.length; from++) {
    const { outcomes, fault } = await embedDoubted(
      failing((text) => text === 'text 3', from),
      texts(4),
      options(),
    );
    expect(fault, `from request ${from}`).toBe(failure);
    expect(outcomes.filter((outcome) => outcome instanceof ModelError)).toEqual([]);
  }
});

it('ends where the model was not asked, or is at fault', async () => {
  for (const error of [
    new ModelError('outage', 'It is left alone.', { isOurs: true }),
    new ModelError('transient', 'Too many requests.', { status: 429 }),
    new ModelError('provider', 'No quota.'),
  ]) {
    const embedder = failing(() => true, 0, error);
    expect(await embedDoubted(embedder, texts(2), options())).toEqual({
      outcomes: [undefined, undefined],
      fault: error,
    });
    expect(embedder.requests).toHaveLength(1);
  }
});

it('keeps a refusal apart from a failure, and asks no word for it', async () => {
  const refusal = new ModelError('input', 'Refused.');
  const embedder = failing((text) => text === 'text 1', Number.POSITIVE_INFINITY, refusal);
  const { outcomes, fault } = await embedDoubted(embedder, texts(2), options());
  expect([outcomes, fault]).toEqual([[vectorOf('text 0'), refusal], null]);
  expect(embedder.requests.flat()).not.toContain('water');
});

it('leaves the rest for later where it fails at nearly everything', async () => {
  const embedder = failing((text) => text !== 'water');
  const { outcomes, fault } = await embedDoubted(embedder, texts(2_048), options());
  expect(fault).toMatchObject({ kind: 'transient', retryAfterSeconds: 60 });
  expect(outcomes.every((outcome) => outcome === undefined)).toBe(true);
  expect(embedder.requests).toHaveLength(128);
});
