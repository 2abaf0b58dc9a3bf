import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApplication } from '../application.ts';
import type { StageSettings } from '../stage-settings.ts';
import { type ModelCost, modelCost } from './price-models.ts';
import { idleCosts, type Template } from './price-resources.ts';
import { type WorkloadCost, workloadCost } from './price-workload.ts';
import { type CostLine, sumOf } from './prices.ts';
import { type Workload, workloads } from './workloads.ts';

export interface PricedWorkload extends WorkloadCost {
  readonly workload: Workload;
  /** US dollars a month for AWS, the idle floor included. */
  readonly total: number;
  readonly models: ModelCost;
}

export interface StageCost {
  readonly stage: string;
  readonly idle: readonly CostLine[];
  /** US dollars a month while idle. */
  readonly floor: number;
  readonly workloads: readonly PricedWorkload[];
}

/** Prices what a stage would deploy. Takes two seconds, for the synthesis. */
export function priceStage(stage: StageSettings): StageCost {
  return priceTemplates(stage, synthesise(stage));
}

/** Prices templates that are there already. @throws Error naming a resource without a price */
function priceTemplates(stage: StageSettings, templates: readonly Template[]): StageCost {
  const idle = idleCosts(templates);
  const names = { chatModel: stage.models.chatModel, embeddingModel: stage.models.embedding.model };
  return {
    stage: stage.name,
    idle,
    floor: sumOf(idle),
    workloads: Object.values(workloads).map((workload) => {
      const cost = workloadCost(templates, workload);
      return { ...cost, workload, total: sumOf(idle) + sumOf(cost.lines), models: modelCost(names, workload) };
    }),
  };
}

/** The templates of a stage, around a bundle with nothing in it: prices do not depend on the code. */
function synthesise(stage: StageSettings): Template[] {
  const directory = mkdtempSync(join(tmpdir(), 'dbrag-cost-'));
  try {
    const bundleDirectory = join(directory, 'bundle');
    mkdirSync(join(bundleDirectory, 'migrations'), { recursive: true });
    writeFileSync(join(bundleDirectory, 'empty.mjs'), '');
    const app = createApplication({
      stage,
      bundleDirectory,
      outputDirectory: join(directory, 'cdk.out'),
      validate: false,
    });
    return app.synth().stacks.map(({ template }) => template as Template);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
