import { describe, expect, it } from 'vitest';
import { checkStatement } from '../../../../shared/databases/firewall/check-statement.ts';
import { warmUpFirewall, warmUpSet } from '../../../../shared/databases/firewall/warm-up.ts';

describe('warming the firewall', () => {
  it('goes all the way: what it checks is accepted, or refused where it should be', async () => {
    const { accepted, refused, relations } = warmUpSet;
    for (const sql of accepted) expect(await checkStatement(sql, relations), sql).toMatchObject({ accepted: true });
    const rules = await Promise.all(refused.map((sql) => checkStatement(sql, relations)));
    expect(rules).toMatchObject([{ rule: 'function' }, { rule: 'syntax' }]);
  });

  it('happens once a process', () => {
    expect(warmUpFirewall()).toBe(warmUpFirewall());
  });
});
