import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { taskRoot } from '../../../shared/core/config.ts';

let page: Promise<{ readonly html: string; readonly policy: string }> | undefined;

/**
 * One page that is its own style and script. Nothing but these runs in it, and it speaks to this API alone, and to where files are put.
 * @param filesAt the origin that uploads go to
 */
export async function playgroundPage(filesAt: () => Promise<string>): Promise<Response> {
  page ??= readPage(await filesAt());
  const { html, policy } = await page;
  return new Response(html, {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  });
}

async function readPage(filesAt: string) {
  const html = await readFile(`${taskRoot()}/playground/index.html`, 'utf8');
  return { html, policy: playgroundPolicy(html, filesAt) };
}

/** Allows the page's own script and style by their hashes, and nothing from anywhere else. */
export function playgroundPolicy(html: string, filesAt: string): string {
  const hashOf = (tag: string): string => {
    const text = new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`).exec(html)?.[1] ?? '';
    return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  };
  return [
    "default-src 'none'",
    `script-src ${hashOf('script')}`,
    `style-src ${hashOf('style')}`,
    `connect-src 'self' ${filesAt}`,
    // The empty icon, so that no browser asks for one.
    'img-src data:',
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
