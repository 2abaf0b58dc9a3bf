import { DocumentError } from '../../core/document-errors.ts';
import { sanitise } from '../decode-text.ts';
import type { ChildReply, ParseRequest } from '../parse-in-child-contract.ts';
import type { Frame } from '../parse-in-child-frames.ts';
import { mostTextBytes } from './expansion-limits.ts';
import { formatParsers } from './format-parsers.ts';

/** Runs one format's parser and turns whatever happens into a reply: a parser that fails on a file says that the file is broken. */
export async function parseFormat(request: ParseRequest, bytes: Uint8Array): Promise<Frame<ChildReply>> {
  try {
    const parser = await formatParsers[request.mediaType]();
    const document = await parser(bytes, request);
    const body = new TextEncoder().encode(document.text);
    if (body.length > mostTextBytes) throw new DocumentError('file_expands_too_far', 'The file holds too much text.');
    const { format, mediaType, pageStarts, sheets } = document;
    const residentBytes = process.memoryUsage.rss();
    const header = {
      outcome: 'parsed',
      format,
      mediaType,
      residentBytes,
      ...(pageStarts ? { pageStarts } : {}),
      ...(sheets ? { sheets } : {}),
    } as const;
    return { header, body };
  } catch (error) {
    return { header: refusalFor(error), body: new Uint8Array(0) };
  }
}

function refusalFor(error: unknown): ChildReply {
  const detail = sanitise(error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 500);
  const refused = { outcome: 'refused', detail, residentBytes: process.memoryUsage.rss() } as const;
  if (error instanceof DocumentError) return { ...refused, code: error.code, message: error.message };
  // Recursion as deep as the file is nested, or one string or array longer than the engine makes them.
  if (error instanceof RangeError)
    return { ...refused, code: 'file_expands_too_far', message: 'The file is nested too deeply.' };
  return { ...refused, code: 'corrupt_file', message: 'The file is broken and cannot be read.' };
}
