import { againstBar, type Figure } from './figures.ts';

const [width, labelWidth, rowHeight, margin] = [760, 400, 24, 12];
/** The bar stands here; a figure twice as large as it reaches the edge. */
const barAt = labelWidth + (width - labelWidth - margin) / 2;

/** Each figure beside its bar, as SVG; undefined where none can be compared. */
export function plot(title: string, figures: readonly Figure[]): string | undefined {
  const rows = figures.flatMap((figure) => {
    const compared = againstBar(figure);
    return compared && compared.bar > 0 ? [{ name: figure.name.trim(), met: figure.met, ...compared }] : [];
  });
  if (rows.length === 0) return undefined;
  const height = rows.length * rowHeight + 2 * margin + 22;
  const drawn = rows.map(({ name, value, bar, most, met }, at) => {
    const y = margin + 22 + at * rowHeight;
    const length = Math.min(value / bar, 2) * (barAt - labelWidth);
    const label = `${name}: ${value} (${most ? 'at most' : 'at least'} ${bar})`;
    return [
      `<text x="${labelWidth - 8}" y="${y + 14}" text-anchor="end">${escaped(label)}</text>`,
      `<rect x="${labelWidth}" y="${y + 3}" width="${length.toFixed(1)}" height="14" fill="${met ? '#3b8f5a' : '#b3473f'}"/>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>text{font:12px system-ui,sans-serif;fill:#333}@media (prefers-color-scheme:dark){text{fill:#ccc}}</style>
<text x="${margin}" y="${margin + 8}" font-weight="bold">${escaped(title)}</text>
${drawn.join('\n')}
<line x1="${barAt}" x2="${barAt}" y1="${margin + 18}" y2="${height - margin}" stroke="#888" stroke-dasharray="4 3"/>
</svg>
`;
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
