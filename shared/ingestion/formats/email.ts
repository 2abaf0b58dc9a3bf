import PostalMime, { type Address, type Email } from 'postal-mime';
import { DocumentError } from '../../core/document-errors.ts';
import { sanitise } from '../decode-text.ts';
import type { Parser } from '../parse.ts';
import { htmlToMarkdown } from './html-to-markdown.ts';
import { escapeOutline } from './markdown-writer.ts';

const deepestParts = 50;

/** Mail: subject, people and date, then the text; of a part that exists as plain text and as HTML the plain text. Attachments are named, not read. */
export const parseEmail: Parser = async (bytes) => {
  const email = await PostalMime.parse(bytes, { maxNestingDepth: deepestParts, forceRfc822Attachments: true });
  if (email.headers.length === 0) throw new DocumentError('corrupt_file', 'The file is broken: it has no headers.');
  const blocks = [headline(email), people(email), body(email), attachments(email)];
  const text = sanitise(blocks.filter((block) => block !== '').join('\n\n'));
  return { text, format: 'markdown', mediaType: 'message/rfc822' };
};

function headline({ subject }: Email): string {
  const line = (subject ?? '').replace(/\s+/g, ' ').trim();
  return line === '' ? '' : `# ${line}`;
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

function attachments(email: Email): string {
  const names = email.attachments
    .filter(({ related }) => !related)
    .map(({ filename, mimeType }) => filename ?? mimeType);
  return names.length === 0 ? '' : `Attachments: ${names.join(', ')}`;
}
