import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack, Validations } from 'aws-cdk-lib/core';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { afterAll, describe, expect, it } from 'vitest';
import type { StageSettings } from '../../infra/stage-settings.ts';
import { small, stageNamed, stageNames } from '../../infra/stages.ts';
import { stageOfOnesOwn } from './stage-of-ones-own.ts';
import { compose } from './synthesise.ts';

const mostAcknowledgements = 15;
/** No stage of ours names anybody to write to. */
const alarmed = { ...small, name: 'alarmed', operations: { ...small.operations, alarmEmail: 'on-call@example.com' } };
const directory = mkdtempSync(join(tmpdir(), 'dbrag-findings-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Acknowledged {
  readonly finding: string;
  readonly place: string;
  readonly reason: string;
  readonly wide: boolean;
}

/** What the constructs of a stage acknowledge, with the stage's name left open. */
function acknowledgedBy(stage: StageSettings): Acknowledged[] {
  const app = compose(stage, join(directory, stage.name));
  const anyStage = (text: string) => text.replaceAll(`dbrag-${stage.name}-`, 'dbrag-<stage>-');
  return app.node.findAll().flatMap((construct) =>
    construct.node.metadata
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) => Object.entries<string>(data))
      .map(([id, reason]) => ({
        finding: anyStage(id.replace(/^Annotation::/, '')),
        place: anyStage(construct.node.path),
        reason,
        wide: construct instanceof Stack || construct instanceof App,
      }))
      // The CDK acknowledges mistakes of its own validator by itself.
      .filter(({ finding }) => !finding.startsWith('CloudFormation-Validate::')),
  );
}

/** Rows of the document's table: `| finding | place | reason |`. */
function documented(): string[] {
  const text = readFileSync(new URL('../../docs/security-findings.md', import.meta.url), 'utf8');
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, 4)
        .map((cell) => cell.trim().replace(/^`|`$/g, ''))
        .join(' | '),
    );
}

const row = ({ finding, place, reason }: Acknowledged) => `${finding} | ${place} | ${reason}`;

describe('acknowledged findings', () => {
  const byStage = new Map(
    [...stageNames.map(stageNamed), alarmed, stageOfOnesOwn].map((stage) => [stage.name, acknowledgedBy(stage)]),
  );
  const all = [...byStage.values()].flat();

  it('are what the document lists', () => {
    expect(documented().sort()).toEqual([...new Set(all.map(row))].sort());
  });

  it.each(stageNames)('are at most 15 in %s', (stage) => {
    const found = byStage.get(stage) ?? [];
    expect(found.length).toBeGreaterThan(0);
    expect(found.length).toBeLessThanOrEqual(mostAcknowledgements);
  });

  it('are all needed', () => {
    const app = compose(alarmed, join(directory, 'needed'));
    const packs = { AwsSolutions: AwsSolutionsChecks, Serverless: ServerlessChecks };
    const findings = (rule: string) => {
      const Pack = rule.includes('Serverless-') ? packs.Serverless : packs.AwsSolutions;
      return new Pack(app).validateScope(app).violations.length;
    };
    const superfluous = app.node
      .findAll()
      .flatMap(({ node }) => node.metadata)
      .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
      .flatMap(({ data }) =>
        Object.keys(data)
          .filter((rule) => !rule.startsWith('CloudFormation-Validate::'))
          .filter((rule) => {
            const reason = data[rule];
            delete data[rule];
            const found = findings(rule);
            data[rule] = reason;
            return found === 0;
          }),
      );
    expect(superfluous).toEqual([]);
  });

  it('stand at no stack and no app', () => {
    expect(all.filter(({ wide }) => wide)).toEqual([]);
  });

  it('name wildcards exactly and give a reason', () => {
    for (const { finding, reason } of all) {
      if (finding.includes('IAM5')) expect(finding).toMatch(/\[(Resource|Action)::.+\]$/);
      expect(reason.length).toBeGreaterThan(40);
    }
  });
});
