import { beforeAll, describe, expect, it } from 'vitest';
import { stageNamed, stageNames } from '../../infra/stages.ts';
import { assertions } from './assertions/index.ts';
import { mutantsOf, mutated } from './mutations.ts';
import { stageOfOnesOwn } from './stage-of-ones-own.ts';
import { type Synthesis, synthesise } from './synthesise.ts';

/** Resources that each mutation is tried on; `INFRA_STAGES=all` tries three, and other ones with another `SEED`. */
const mutantsEach = process.env.INFRA_STAGES === 'all' ? 3 : 1;
const seed = Number(process.env.SEED ?? 1);

/** `INFRA_STAGES=all` for every stage; otherwise the one that most of it binds. */
const chosen = process.env.INFRA_STAGES === 'all' ? stageNames : ['production'];
const alarmed = {
  ...stageNamed('small'),
  operations: { ...stageNamed('small').operations, alarmEmail: 'on-call@example.com' },
};

/** A template that a check cannot even read is not what it was either. */
function isNoticed(check: () => string[]): boolean {
  try {
    return check().length > 0;
  } catch {
    return true;
  }
}

function assertionsOf(name: string, settings = stageNamed(name)): void {
  describe(`templates of ${name}`, () => {
    let synthesis: Synthesis;
    // Findings of CloudFormation's checks and of cdk-nag stop the synthesis, and all that follows.
    beforeAll(() => {
      synthesis = synthesise(settings);
    });
    const binding = assertions.filter(({ binds }) => binds?.(settings) ?? true);

    it('is protected from being deleted where the stage says so', () => {
      const artifacts = Object.values(
        synthesis.manifest.artifacts as Record<
          string,
          { type: string; properties: { terminationProtection?: boolean } }
        >,
      );
      const stacks = artifacts.filter(({ type }) => type === 'aws:cloudformation:stack');
      expect(stacks.map(({ properties }) => properties.terminationProtection ?? false)).toEqual(
        stacks.map(() => settings.operations.terminationProtection),
      );
      expect(stacks).toHaveLength(settings.operations.backupCopies === null ? 2 : 3);
    });

    it.each(binding)('$area: $name', ({ check }) => {
      expect(check(synthesis.system, settings)).toEqual([]);
    });

    it('lets no careless change pass', () => {
      const mutants = mutantsOf(synthesis.system, mutantsEach, seed);
      const survivors = mutants.filter((mutant) => {
        const changed = mutated(synthesis.system, mutant);
        return !binding.some(({ check }) => isNoticed(() => check(changed, settings)));
      });
      expect(mutants.length).toBeGreaterThan(80);
      expect(survivors.map(({ mutation, id }) => `${mutation.type} ${id}: ${mutation.name}`)).toEqual([]);
    });

    it.each(binding)('notices when broken: $area: $name', ({ check, spoil }) => {
      const spoilt = structuredClone(synthesis.system);
      spoil(spoilt, settings);
      expect(check(spoilt, settings)).not.toEqual([]);
    });
  });
}

for (const name of chosen) assertionsOf(name);
if (process.env.INFRA_STAGES === 'all') {
  assertionsOf('a small stage with alarms by e-mail', alarmed);
  assertionsOf('a stage of somebody’s own', stageOfOnesOwn);
}

describe('the assertions', () => {
  it('are at least 60, each with a name of its own', () => {
    expect(assertions.length).toBeGreaterThanOrEqual(60);
    expect(new Set(assertions.map(({ area, name }) => `${area}: ${name}`)).size).toBe(assertions.length);
  });

  it('bind at least one stage each', () => {
    const stages = [...stageNames.map(stageNamed), alarmed, stageOfOnesOwn];
    expect(assertions.filter(({ binds }) => binds && !stages.some((stage) => binds(stage)))).toEqual([]);
  });
});
