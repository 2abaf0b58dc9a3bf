const sampledCharacters = 65_536;
const leastLines = 3;
const leastCommas = 2;

const declaration = /^<\?xml[^>]*>\s*/;
const htmlStart = /^<(?:!doctype\s+html|html|head|body)[\s>]/i;
const jsonStart = /^(?:\[\s*)?\{\s*(?:"(?:[^"\\]|\\.){0,200}"\s*:|\})/;
const header = /^[!-9;-~]{1,100}:/;
const headersOfMail = /^(?:from|received|return-path|message-id|mime-version):/im;

export function isHtml(text: string): boolean {
  let rest = text.trimStart().replace(declaration, '');
  // Not one expression with the start: it would try every way to part a row of comments.
  while (rest.startsWith('<!--')) {
    const end = rest.indexOf('-->');
    if (end < 0) return false;
    rest = rest.slice(end + 3).trimStart();
  }
  return htmlStart.test(rest);
}

/** The type of a text if neither its name nor its sender says so; undefined for prose. */
export function typeOfText(bytes: Uint8Array): string | undefined {
  const isCut = bytes.length > sampledCharacters;
  const sample = new TextDecoder().decode(bytes.subarray(0, sampledCharacters));
  const text = sample.trimStart();
  if (isHtml(text)) return 'text/html';
  if (jsonStart.test(text)) return hasRecordOnFirstLine(text) ? 'application/x-ndjson' : 'application/json';
  if (isMail(text)) return 'message/rfc822';
  const lines = text
    .split(/\r?\n/)
    .slice(0, isCut ? -1 : undefined)
    .filter((line) => line !== '');
  if (lines.length < leastLines) return undefined;
  if (isRegular(lines, '\t', 1)) return 'text/tab-separated-values';
  return isRegular(lines, ',', leastCommas) ? 'text/csv' : undefined;
}

function hasRecordOnFirstLine(text: string): boolean {
  const end = text.indexOf('\n');
  if (end < 0 || !text.slice(end).trimStart().startsWith('{')) return false;
  try {
    JSON.parse(text.slice(0, end));
    return true;
  } catch {
    return false;
  }
}

function isMail(text: string): boolean {
  const head = text.slice(0, text.search(/\r?\n\r?\n/)).split(/\r?\n(?![ \t])/);
  return head.length > 1 && head.every((line) => header.test(line)) && headersOfMail.test(head.join('\n'));
}

function isRegular(lines: readonly string[], delimiter: string, least: number): boolean {
  const counts = lines.map((line) => line.split(delimiter).length - 1);
  return (counts[0] as number) >= least && counts.every((count) => count === counts[0]);
}
