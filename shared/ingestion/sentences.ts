const fullWidthStops = '。！？';
const stops = `.!?…${fullWidthStops}`;
const isStop = new Uint8Array(65_536);
for (const stop of stops) isStop[stop.charCodeAt(0)] = 1;

/**
 * Where sentences begin inside `[start, end)`: after a stop, its closing quotes and whitespace, unless what follows is a lowercase
 * letter ("approx. five") or what stands before the stop is an initial ("J. Smith", "e.g. This"). Full-width stops need no whitespace.
 */
export function* sentenceStarts(text: string, start: number, end: number): Generator<number> {
  for (let position = start; position < end; position += 1) {
    const code = text.charCodeAt(position);
    if (isStop[code] !== 1) continue;
    const stop = position;
    position = skip(text, position + 1, end, isStopOrCloser);
    const next = skip(text, position, end, isSpace);
    if (next >= end) return;
    const fullWidth = fullWidthStops.includes(text[stop] as string);
    if (next > position ? fullWidth || !isInside(text, start, stop, next) : fullWidth) yield next;
    position = next - 1;
  }
}

function isInside(text: string, start: number, stop: number, next: number): boolean {
  if (/\p{Ll}/u.test(text[next] as string)) return true;
  if (text[stop] !== '.') return false;
  const initial = stop - 1 >= start && /\p{L}/u.test(text[stop - 1] as string);
  return initial && (stop - 2 < start || /[\s.(]/.test(text[stop - 2] as string));
}

function skip(text: string, from: number, end: number, matches: (code: number) => boolean): number {
  let position = from;
  while (position < end && matches(text.charCodeAt(position))) position += 1;
  return position;
}

const closers = new Set([...'"\'”’»)]」』'].map((closer) => closer.charCodeAt(0)));

function isStopOrCloser(code: number): boolean {
  return isStop[code] === 1 || closers.has(code);
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 0xa0 || code === 0x3000 || code === 13;
}
