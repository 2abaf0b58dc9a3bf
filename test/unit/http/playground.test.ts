import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { playgroundPolicy } from '../../../functions/http/playground/page.ts';

const html = readFileSync(new URL('../../../functions/http/playground/index.html', import.meta.url), 'utf8');
const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

describe('the playground', () => {
  it('is one small page that fetches nothing from elsewhere', () => {
    expect(Buffer.byteLength(html)).toBeLessThanOrEqual(60_000);
    expect(html).not.toMatch(
      /<link(?! rel="icon" href="data:,">)|https?:\/\/|src=|@import|innerHTML|insertAdjacentHTML|document\.write|eval\(/,
    );
  });

  it('keeps the key in memory only', () => {
    expect(html).not.toMatch(/localStorage|sessionStorage|document\.cookie|indexedDB|location\.hash/);
  });

  it('runs its own script and style and no other', () => {
    const policy = playgroundPolicy(html, 'https://files.example');
    const script = html.slice(html.indexOf('<script>') + 8, html.indexOf('</script>'));
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(policy).toContain(`script-src ${hash(script)}`);
    expect(policy).toMatch(/^default-src 'none'/);
    expect(policy).toContain("connect-src 'self' https://files.example;");
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(html).not.toMatch(/ on\w+="| style="/);
  });
});
