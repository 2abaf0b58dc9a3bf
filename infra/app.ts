import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App } from 'aws-cdk-lib/core';
import { createApplication } from './application.ts';
import { bundleFunctions } from './bundle.ts';
import { requireRegion } from './require-region.ts';
import { findStage } from './stage-files.ts';
import type { StageSettings } from './stage-settings.ts';

/**
 * Entry of the CDK app, with and without the CLI: `npx cdk synth -c stage=production`, or `STAGE_NAME=local CDK_OUTDIR=cdk.out node infra/app.ts`.
 * `CDK_VALIDATION=false` leaves the checks out, which take longer than the synthesis. `FUNCTIONS_BUNDLE` names a bundle that is
 * there already.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { STAGE_NAME, FUNCTIONS_BUNDLE: bundled, CDK_VALIDATION: validation, CDK_DEFAULT_REGION: region } = process.env;

const stage = await checkedStage().catch((error: Error) => {
  // A message for people: the stack would not help them.
  console.error(error.message);
  process.exit(1);
});

const bundleDirectory = bundled ?? join(root, '.build', 'functions');
if (bundled === undefined) await bundleFunctions({ root, outputDirectory: bundleDirectory });

createApplication({ stage, bundleDirectory, validate: validation !== 'false' }).synth();

async function checkedStage(): Promise<StageSettings> {
  const context: unknown = new App({ autoSynth: false }).node.tryGetContext('stage');
  const found = await findStage(STAGE_NAME ?? String(context ?? 'small'));
  // The CLI passes the region; without the CLI nothing has to be set.
  if (region !== undefined) requireRegion(found, region);
  return found;
}
