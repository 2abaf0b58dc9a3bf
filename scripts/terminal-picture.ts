/** A line of a terminal and the second at which it came. */
export interface TerminalLine {
  readonly text: string;
  readonly second: number;
  /** Typed by a person. */
  readonly typed: boolean;
}

const [characterWidth, lineHeight, margin, fontSize] = [8.43, 19, 18, 14];
/** Longer lines are cut: nobody reads a key to its end. */
const longestLine = 108;
/** A pause longer than this is shortened to it. */
const longestPause = 1.2;
const appearing = 0.05;

/** Draws lines as they came, as SVG with CSS alone: each appears at its time and stays. Where nothing moves, all are shown. */
export function terminalPicture(lines: readonly TerminalLine[]): string {
  const width = Math.ceil(longestLine * characterWidth + 2 * margin);
  const height = lines.length * lineHeight + 2 * margin + 14;
  let shown = 0;
  let before = 0;
  const rows = lines.map(({ text, second, typed }, at) => {
    shown += Math.min(second - before, longestPause) + appearing;
    before = second;
    const cut = text.length > longestLine ? `${text.slice(0, longestLine - 1)}…` : text;
    const y = margin + 14 + (at + 1) * lineHeight;
    const style = `style="animation-delay:${shown.toFixed(2)}s"`;
    return `<text x="${margin}" y="${y}"${typed ? ' class="typed"' : ''} ${style} xml:space="preserve">${escaped(cut)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="A terminal: npm start, then npm run demo">
<style>
text{font:${fontSize}px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d7dde5;animation:appear .01s both}
.typed{fill:#7ee2a8;font-weight:bold}
@keyframes appear{from{opacity:0}to{opacity:1}}
@media (prefers-reduced-motion:reduce){text{animation:none}}
</style>
<rect width="100%" height="100%" rx="10" fill="#11161d"/>
<circle cx="20" cy="16" r="5" fill="#e5655b"/><circle cx="38" cy="16" r="5" fill="#e0b34c"/><circle cx="56" cy="16" r="5" fill="#5fb760"/>
${rows.join('\n')}
</svg>
`;
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
