import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { campaigns } from '../faults/campaigns/index.ts';

const documentation = readFileSync(fileURLToPath(new URL('../../docs/reliability.md', import.meta.url)), 'utf8');
const all = Array.from({ length: 40 }, (_, at) => `F${String(at + 1).padStart(2, '0')}`);
/** Shown together with another, or not on one machine: the document says which and why. */
const withoutCampaign = ['F27', 'F39'];

it('every fault has one campaign, or the document says why it has none', () => {
  const ids = campaigns.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(all.filter((id) => !ids.includes(id))).toEqual(withoutCampaign);
  for (const id of all) expect(documentation).toContain(id);
  for (const id of ids) expect(documentation).toMatch(new RegExp(`^\\| (F\\d\\d, )?${id}[ ,]`, 'm'));
});

it('every campaign says what it breaks, what is expected and what must hold', () => {
  for (const { fault, expected, criteria } of campaigns)
    for (const text of [fault, expected, criteria]) expect(text.length).toBeGreaterThan(10);
});

it('what is said of databases that are not ours names tests that there are', () => {
  const rows = documentation.split('\n').filter((line) => /^\| Q1[3-7] \|/.test(line));
  expect([...new Set(rows.map((row) => row.slice(2, 5)))]).toEqual(['Q13', 'Q14', 'Q15', 'Q16', 'Q17']);
  for (const row of rows) {
    const named = [...(row.split('|').at(-2) ?? '').matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path);
    expect(named.length, row).toBeGreaterThan(0);
    for (const path of named)
      expect(existsSync(fileURLToPath(new URL(`../../${path}`, import.meta.url))), path).toBe(true);
  }
});
