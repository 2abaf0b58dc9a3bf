import type { NamedRights } from './name-rights.ts';

/** Why a right is given that no test was seen to use: by what its line looks like, and who holds it. */
export interface UnseenRight {
  readonly role: RegExp;
  readonly right: RegExp;
  readonly reason: string;
}

export interface RightsDifference {
  /** Given and not used, without a reason. */
  readonly unused: readonly string[];
  /** Used, or asked for, and not given. */
  readonly missing: readonly string[];
  /** Reasons that no right needs any more: the right is used now, or was removed. */
  readonly idleReasons: readonly string[];
  /** Given twice over: taking one away would change nothing. */
  readonly doubled: readonly string[];
}

const lines = (rights: NamedRights): string[] =>
  Object.entries(rights).flatMap(([role, held]) => held.map((right) => `${role}: ${right}`));

/** Compares what is given with what was used, role by role and right by right. */
export function compareRights(
  granted: NamedRights,
  used: NamedRights,
  unseen: readonly UnseenRight[],
): RightsDifference {
  const isUsed = new Set(lines(used));
  const isGranted = new Set(lines(granted));
  const explains = new Set<UnseenRight>();
  const unused: string[] = [];
  for (const [role, held] of Object.entries(granted))
    for (const right of new Set(held)) {
      if (isUsed.has(`${role}: ${right}`)) continue;
      const reason = unseen.find((one) => one.role.test(role) && one.right.test(right));
      if (reason) explains.add(reason);
      else unused.push(`${role}: ${right}`);
    }
  return {
    unused,
    missing: [...isUsed].filter((line) => !isGranted.has(line)),
    idleReasons: unseen.filter((one) => !explains.has(one)).map(({ reason }) => reason),
    doubled: lines(granted).filter((line, at, all) => all.indexOf(line) !== at),
  };
}
