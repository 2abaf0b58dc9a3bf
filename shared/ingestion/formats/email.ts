import PostalMime, { type Address, type Attachment, type Email } from 'postal-mime';
import { DocumentError } from '../../core/document-errors.ts';
import { sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { TextBuilder } from './expansion-limits.ts';
import { htmlToMarkdown } from './html-to-markdown.ts';
import { escapeOutline } from './markdown-writer.ts';

const deepestParts = 50;
/** A message in a message in a message: what is forwarded further is named like any attachment. */
const deepestMessages = 5;
const deepestHeading = 6;

/**
 * Mail: subject, people and date, then the text; of a part that exists as plain text and as HTML the plain text. Attached messages
 * follow, each under its own subject; other attachments are named, not read.
 */
export const parseEmail: Parser = async (bytes) => {
  const text = new TextBuilder();
  const email = await read(bytes);
  if (email.headers.length === 0) throw new DocumentError('corrupt_file', 'The file is broken: it has no headers.');
  await write(text, email, 1);
  return { text: sanitise(text.toString()), format: 'markdown', mediaType: 'message/rfc822' };
};

function read(bytes: Uint8Array | ArrayBuffer | string): Promise<Email> {
  return PostalMime.parse(bytes, { maxNestingDepth: deepestParts, forceRfc822Attachments: true });
}

async function write(text: TextBuilder, email: Email, level: number): Promise<void> {
  const isMessage = ({ mimeType }: Attachment): boolean => mimeType === 'message/rfc822' && level < deepestMessages;
  const named = email.attachments.filter((attachment) => !attachment.related && !isMessage(attachment));
  for (const block of [headline(email, level), people(email), body(email), namesOf(named)])
    if (block !== '') text.add(text.length === 0 ? block : `\n\n${block}`);
  for (const { content } of email.attachments.filter(isMessage)) await write(text, await read(content), level + 1);
}

function headline({ subject }: Email, level: number): string {
  const line = (subject ?? '').replace(/\s+/g, ' ').trim();
  return line === '' ? '' : `${'#'.repeat(Math.min(level, deepestHeading))} ${line}`;
}

function people(email: Email): string {
  const lines = [
    ['From', email.from ? [email.from] : []],
    ['To', email.to ?? []],
    ['Cc', email.cc ?? []],
  ] as const;
  const written = lines.flatMap(([name, list]) =>
    list.length > 0 ? `${name}: ${list.map(addressText).join(', ')}` : [],
  );
  if (email.date) written.push(`Date: ${email.date}`);
  return written.join('\n');
}

function addressText({ name, address, group }: Address): string {
  if (group) return `${name}: ${group.map(addressText).join(', ')}`;
  return name ? `${name} <${address}>` : address;
}

function body({ text, html }: Email): string {
  const plain = (text ?? '').trim();
  return plain === '' && html ? htmlToMarkdown(html, { stripBoilerplate: false }) : escapeOutline(plain);
}

function namesOf(attachments: readonly Attachment[]): string {
  const names = attachments.map(({ filename, mimeType }) => filename ?? mimeType);
  return names.length === 0 ? '' : `Attachments: ${names.join(', ')}`;
}
