/** What is parsed in a child process; text and Markdown are read where they are. */
export const formatMediaTypes = [
  'application/pdf',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  'application/vnd.oasis.opendocument.text',
  'application/vnd.oasis.opendocument.presentation',
  'application/vnd.oasis.opendocument.spreadsheet',
  'application/epub+zip',
  'text/html',
  'text/csv',
  'text/tab-separated-values',
  'application/json',
  'application/x-ndjson',
  'message/rfc822',
] as const;

export type FormatMediaType = (typeof formatMediaTypes)[number];

const known: ReadonlySet<string> = new Set(formatMediaTypes);

export function isFormatMediaType(mediaType: string): mediaType is FormatMediaType {
  return known.has(mediaType);
}
