import { expect, it } from 'vitest';
import { faultOfModel } from '../../../shared/models/doubt-model.ts';
import { ModelError } from '../../../shared/models/model-error.ts';

const failed = (seconds?: number) => new ModelError('outage', 'It fails.', { retryAfterSeconds: seconds });
const leftAlone = (seconds: number) =>
  new ModelError('outage', 'It is left alone.', { retryAfterSeconds: seconds, isOurs: true });

/** Doubts a model that answers with these errors, one after another, by a clock that only sleeping moves. */
async function doubt(first: ModelError, answers: (Error | null)[], deadline = 60_000) {
  const slept: number[] = [];
  let now = 0;
  const sleep = async (milliseconds: number) => {
    slept.push(milliseconds);
    now += milliseconds;
  };
  const ask = async () => {
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer) throw answer;
  };
  const fault = await faultOfModel(ask, first, { deadline }, { now: () => now, sleep });
  return { fault, slept };
}

it('waits until the circuit lets a call through, and as long as another process makes it', async () => {
  expect(await doubt(failed(1), [null])).toEqual({ fault: null, slept: [1_000] });
  expect(await doubt(leftAlone(2), [leftAlone(2), leftAlone(0.5), null])).toEqual({
    fault: null,
    slept: [2_000, 2_000, 500],
  });
  expect(await doubt(failed(), [null])).toEqual({ fault: null, slept: [1_000] });
});

it('does not wait for a failure that left no circuit open', async () => {
  for (const kind of ['transient', 'input'] as const)
    expect(await doubt(new ModelError(kind, 'x'), [null])).toEqual({ fault: null, slept: [] });
});

it('takes the model for away where it fails at the harmless text too, after one call', async () => {
  const [again, never] = [failed(2), failed(4)];
  expect(await doubt(failed(1), [again, never])).toEqual({ fault: again, slept: [1_000] });
});

it('waits no longer than 20 seconds in all, and not beyond the deadline', async () => {
  const alone = leftAlone(8);
  expect(await doubt(alone, [alone])).toEqual({ fault: alone, slept: [8_000, 8_000] });
  expect(await doubt(alone, [alone], 16_000)).toEqual({ fault: alone, slept: [8_000] });
  const long = failed(30);
  expect(await doubt(long, [null])).toEqual({ fault: long, slept: [] });
});

it('finds the model at fault where it refuses every text; what no model said is thrown', async () => {
  const { fault } = await doubt(failed(1), [new ModelError('input', 'Refused.')]);
  expect(fault).toMatchObject({ kind: 'provider', retryAfterSeconds: 60 });
  await expect(doubt(failed(1), [new TypeError('A bug.')])).rejects.toThrow(TypeError);
});
