import { describe, expect, it } from 'vitest';
import { hiddenStyles, withoutHiddenRuns } from '../../../../shared/ingestion/formats/hidden-runs.ts';

const stylesOf = (styles: string) =>
  hiddenStyles(
    Buffer.from(
      `<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">${styles}</w:styles>`,
    ),
  );

describe('styles that hide text', () => {
  it('are those that say so, in whatever order their attributes stand', () => {
    const hidden = stylesOf(`
      <w:style w:type="character" w:styleId="a"><w:rPr><w:vanish/></w:rPr></w:style>
      <w:style w:styleId='b' w:type="paragraph"><w:pPr/><w:rPr><w:vanish w:val="1"/></w:rPr></w:style>
      <w:style w:styleId="c"><w:rPr><w:vanish w:val="false"/></w:rPr></w:style>
      <w:style w:styleId="d"><w:rPr><w:b/></w:rPr></w:style>`);
    expect([...hidden]).toEqual(['a', 'b']);
  });

  it('are found, or refused, in time that grows with the part and not with its square', () => {
    // By a search from every beginning to the end of the part, each of these would take minutes.
    expect(stylesOf('<w:style w:styleId="a"><w:rPr/></w:style>'.repeat(50_000)).size).toBe(0);
    expect(() => stylesOf('<w:style '.repeat(1_000_000))).toThrow(/broken|elements|nested/);
  });
});

it('leaves hidden runs out of a part of any size in the same kind of time', () => {
  const run = '<w:r><w:rPr><w:vanish/></w:rPr><w:t>x</w:t></w:r>';
  expect(withoutHiddenRuns(`<w:p>${run}</w:p>`, new Set())).toBe('<w:p></w:p>');
  const broken = `<w:vanish/>${'<w:p '.repeat(1_000_000)}`;
  expect(withoutHiddenRuns(broken, new Set())).toBe(broken);
});
