import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  admissionOf,
  afterFailure,
  afterSuccess,
  closedCircuit,
  MemoryCircuits,
  type ModelFailure,
  withProbe,
} from '../../../shared/models/circuit.ts';
import { GuardedEmbedder } from '../../../shared/models/guarded-embedder.ts';
import { ModelError } from '../../../shared/models/model-error.ts';
import { FakeEmbedder } from './fake-embedder.ts';

const outage: ModelFailure = { fault: 'outage', reason: 'It does not answer.' };
const account: ModelFailure = { fault: 'account', reason: 'It refuses the key.' };
const second = 1_000;

describe('a circuit', () => {
  it('opens after five failures in a row, not after five with a success between them', () => {
    let state = closedCircuit;
    for (let n = 0; n < 4; n++) state = afterFailure(state, outage, false, 0);
    expect(admissionOf(afterSuccess(state, false), 0).state).toBe('closed');
    expect(admissionOf(state, 0).state).toBe('closed');
    expect(admissionOf(afterFailure(state, outage, false, 0), 0)).toMatchObject({ state: 'open', seconds: 1 });
  });

  it('opens at once for what an operator has to mend, and is closed by nobody but the probe', () => {
    const state = afterFailure(closedCircuit, account, false, 0);
    expect(admissionOf(state, 0)).toMatchObject({ state: 'open', seconds: 30 });
    expect(afterSuccess(state, false)).toBe(state);
    expect(admissionOf(state, 30 * second).state).toBe('probe');
    const probed = withProbe(state, 30 * second);
    expect(admissionOf(probed, 31 * second)).toMatchObject({ state: 'open', seconds: 2 });
    expect(afterSuccess(probed, true)).toEqual(closedCircuit);
  });

  it('lets another try when the one that did has died', () => {
    const state = withProbe(afterFailure(closedCircuit, account, false, 0), 30 * second);
    expect(admissionOf(state, 70 * second).state).toBe('probe');
  });

  it('is open for as long as the provider asked', () => {
    const asked = afterFailure(closedCircuit, { fault: 'rate', reason: 'x', retryAfterSeconds: 120 }, false, 0);
    expect(admissionOf(asked, 119 * second)).toMatchObject({ state: 'open', seconds: 1 });
    // Others that were under way are told more, or less: the longest counts.
    const more = afterFailure(asked, { fault: 'rate', reason: 'x', retryAfterSeconds: 150 }, false, second);
    const less = afterFailure(more, { fault: 'rate', reason: 'x', retryAfterSeconds: 5 }, false, second);
    expect(admissionOf(less, 150 * second).state).toBe('open');
    expect(admissionOf(less, 151 * second).state).toBe('probe');
  });

  it('lets no more than three calls a minute through while an operator has to act, whatever else fails', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 5_000 }), { minLength: 50, maxLength: 400 }), (pauses) => {
        let state = afterFailure(closedCircuit, account, false, 0);
        let now = 0;
        const calls: number[] = [];
        for (const pause of pauses) {
          now += pause;
          if (admissionOf(state, now).state !== 'probe') continue;
          state = afterFailure(withProbe(state, now), account, true, now + 50);
          calls.push(now);
        }
        for (const call of calls)
          expect(calls.filter((at) => at >= call && at < call + 60 * second).length).toBeLessThanOrEqual(3);
      }),
      { numRuns: 100 },
    );
  });

  it('never sleeps for more than eight seconds past an outage', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), (failures) => {
        let state = closedCircuit;
        for (let n = 0; n < failures; n++) state = afterFailure(withProbe(state, 0), outage, state.open !== null, 0);
        const admission = admissionOf(state, 0);
        expect(admission.state === 'open' ? admission.seconds : 0).toBeLessThanOrEqual(8);
      }),
    );
  });
});

describe('an embedder behind it', () => {
  function guarded() {
    let now = 0;
    const inner = new FakeEmbedder();
    const circuits = new MemoryCircuits(() => now);
    const opened: string[] = [];
    const make = () =>
      new GuardedEmbedder(inner, { circuits, now: () => now, onOpen: (_, { reason }) => opened.push(reason) });
    return {
      inner,
      make,
      opened,
      pass: (seconds: number) => {
        now += seconds * second;
      },
    };
  }
  const options = { deadline: Number.POSITIVE_INFINITY };

  it('stays as it is for what fails at doubted texts, but not for what says something of the account', async () => {
    const { inner, make, opened, pass } = guarded();
    const [one, other] = [make(), make()];
    const doubted = { ...options, isDoubted: true };
    const failing = new ModelError('transient', 'It answers with 500.', { status: 500 });
    inner.fault = () => {
      throw failing;
    };
    for (let n = 0; n < 10; n++) await expect(one.embed(['a'], doubted)).rejects.toBe(failing);
    expect([opened, await other.admission()]).toEqual([[], { state: 'closed' }]);
    // As a probe it leaves the circuit to the next call.
    for (let n = 0; n < 5; n++) await one.embed(['a'], options).catch(() => {});
    pass(1);
    await expect(one.embed(['a'], doubted)).rejects.toBe(failing);
    inner.fault = () => {};
    await one.embed(['water'], options);
    expect([opened.length, await other.admission()]).toEqual([1, { state: 'closed' }]);
    inner.fault = () => {
      throw new ModelError('provider', 'It refuses the key.', { status: 401 });
    };
    await expect(one.embed(['a'], doubted)).rejects.toMatchObject({ kind: 'provider' });
    expect(await other.admission()).toMatchObject({ state: 'open' });
  });

  it('makes no call while it is open, one when it may be closed again, and then all', async () => {
    const { inner, make, opened, pass } = guarded();
    const [one, other] = [make(), make()];
    inner.fault = () => {
      throw new ModelError('provider', 'It refuses the key.', { status: 401 });
    };
    const refused = { kind: 'provider', retryAfterSeconds: 30, status: 401, isOurs: false };
    await expect(one.embed(['a'], options)).rejects.toMatchObject(refused);
    for (let n = 0; n < 10; n++) await expect(one.embed(['a'], options)).rejects.toMatchObject({ isOurs: true });
    expect(inner.requests).toHaveLength(1);
    expect(await other.admission()).toMatchObject({ state: 'open' });
    await expect(other.embed(['a'], options)).rejects.toMatchObject({ message: 'It refuses the key.' });
    expect(inner.requests).toHaveLength(1);
    pass(30);
    inner.fault = () => {};
    expect((await other.admission()).state).toBe('probe');
    expect((await one.admission()).state).toBe('open');
    await other.embed(['a'], options);
    pass(2);
    await one.embed(['a'], options);
    expect(inner.requests).toHaveLength(3);
    expect(opened).toEqual(['It refuses the key.']);
  });

  it('counts nothing that says nothing of the provider', async () => {
    const { inner, make } = guarded();
    const embedder = make();
    const faults = [
      new ModelError('input', 'poison'),
      new ModelError('transient', 'rubbish', { badResponse: true }),
      new ModelError('transient', 'no time', { isOurs: true }),
      new ModelError('transient', 'for a moment', { status: 429, retryAfterSeconds: 0.2 }),
    ];
    for (let n = 0; n < 40; n++) {
      inner.fault = () => {
        throw faults[n % faults.length];
      };
      await expect(embedder.embed(['a'], options)).rejects.toBe(faults[n % faults.length]);
    }
    expect((await embedder.admission()).state).toBe('closed');
  });

  it('keeps the probe for the next call when the first said nothing of the provider', async () => {
    const { inner, make, pass } = guarded();
    const embedder = make();
    inner.fault = () => {
      throw new ModelError('transient', 'down', { status: 500 });
    };
    for (let n = 0; n < 5; n++) await expect(embedder.embed(['a'], options)).rejects.toThrow('down');
    pass(1);
    inner.fault = () => {
      throw new ModelError('input', 'poison');
    };
    await expect(embedder.embed(['a'], options)).rejects.toThrow('poison');
    inner.fault = () => {};
    await embedder.embed(['a'], options);
    expect((await make().admission()).state).toBe('closed');
  });
});
