import { afterEach, expect, it, vi } from 'vitest';
import { LineWriter } from '../../../../functions/runtime/telemetry/line-writer.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function observed(): string[] {
  const writes: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    writes.push(String(text));
    return true;
  });
  return writes;
}

it('writes each line at once, and those of one go in one write', () => {
  const writes = observed();
  const lines = new LineWriter();
  lines.write('first');
  lines.together(() => {
    lines.write('second');
    lines.write('third');
  });
  lines.together(() => {});
  lines.write('fourth');
  expect(writes).toEqual(['first\n', 'second\nthird\n', 'fourth\n']);
});

it('writes what came before a failure', () => {
  const writes = observed();
  const lines = new LineWriter();
  expect(() =>
    lines.together(() => {
      lines.write('first');
      throw new Error('no more');
    }),
  ).toThrow('no more');
  lines.write('second');
  expect(writes).toEqual(['first\n', 'second\n']);
});
