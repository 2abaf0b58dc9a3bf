import { describe, expect, it } from 'vitest';
import { detectLanguage } from '../../../shared/ingestion/detect-language.ts';

describe('detectLanguage', () => {
  it.each([
    ['The workers lease what is still to buy, and the last one makes it visible.', 'english'],
    ['# Setup\n\nRun the command and wait for it to end.', 'english'],
    ['Die Arbeiter mieten, was noch zu kaufen ist, und der letzte macht es sichtbar.', 'simple'],
    ['Les ouvriers louent ce qui reste à acheter, et le dernier le rend visible.', 'simple'],
    ['工人租用尚未购买的内容', 'simple'],
    ['const a = fetch(url); return a.json();', 'simple'],
    ['1 2 3 | 4 5 6', 'simple'],
    ['', 'simple'],
  ])('%s', (text, language) => {
    expect(detectLanguage(text)).toBe(language);
  });
});
