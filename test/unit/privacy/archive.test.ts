import { createHash } from 'node:crypto';
import { unzipSync } from 'fflate';
import { expect, it } from 'vitest';
import { Archive } from '../../../shared/privacy/archive.ts';

const least = 5 * 1024 * 1024;

function received() {
  const parts: Uint8Array[] = [];
  const ended: string[] = [];
  const upload = {
    write: async (part: Uint8Array) => void parts.push(part),
    complete: async () => void ended.push('complete'),
    abort: async () => void ended.push('abort'),
  };
  return { upload, parts, ended };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

it('an archive holds what was written, compressed or not, in parts that S3 takes', async () => {
  const { upload, parts, ended } = received();
  const archive = new Archive(upload);
  // Digits of hashes: as much of it is left as of half its bytes.
  const lines = Buffer.from(Array.from({ length: 400_000 }, (_, n) => sha256(Buffer.from(`${n}`))).join('\n'));
  const raw = Buffer.alloc(11_000_000, 'herons');
  const write = async (path: string, compressed: boolean, ...contents: Uint8Array[]) => {
    const file = archive.begin(path, { compressed });
    for (const bytes of contents) await file.write(bytes);
    await file.end();
  };
  await write('tables/a.jsonl', true, lines.subarray(0, 1_000_001), lines.subarray(1_000_001));
  await write('tables/empty.jsonl', true);
  await write('files/höhe', false, raw);
  const whole = await archive.complete();

  const bytes = Buffer.concat(parts);
  expect(ended).toEqual(['complete']);
  expect(whole).toEqual({ bytes: bytes.length, sha256: sha256(bytes) });
  expect(parts.length).toBeGreaterThan(2);
  for (const part of parts.slice(0, -1)) {
    expect(part.length).toBeGreaterThan(least);
    expect(part.length).toBeLessThan(2 * least);
  }
  const contents = unzipSync(bytes);
  expect(Object.entries(contents).map(([path, content]) => [path, sha256(content)])).toEqual([
    ['tables/a.jsonl', sha256(lines)],
    ['tables/empty.jsonl', sha256(Buffer.alloc(0))],
    ['files/höhe', sha256(raw)],
  ]);
  expect(archive.files.map(({ path, bytes, sha256 }) => [path, bytes, sha256])).toEqual(
    Object.entries(contents).map(([path, content]) => [path, content.length, sha256(content)]),
  );
  expect(bytes.length).toBeLessThan(lines.length * 0.7 + raw.length);
});

it('an archive that is given up in the middle of a file sends nothing more', async () => {
  const { upload, parts, ended } = received();
  const archive = new Archive(upload);
  const file = archive.begin('tables/a.jsonl', { compressed: true });
  await file.write(Buffer.from('herons'));
  await archive.abort();
  await expect(file.write(Buffer.from('wade'))).rejects.toThrow();
  expect([parts, ended]).toEqual([[], ['abort']]);
});
