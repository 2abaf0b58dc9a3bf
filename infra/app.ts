import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApplication } from './application.ts';
import { bundleFunctions } from './bundle.ts';

/**
 * Entry of the CDK app, with and without the CLI: `npx cdk synth -c stage=production`, or `STAGE_NAME=local CDK_OUTDIR=cdk.out node infra/app.ts`.
 * `CDK_VALIDATION=false` leaves the checks out, which take longer than the synthesis. `FUNCTIONS_BUNDLE` names a bundle that is
 * there already.
 */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { STAGE_NAME: stage, FUNCTIONS_BUNDLE: bundled, CDK_VALIDATION: validation } = process.env;

const bundleDirectory = bundled ?? join(root, '.build', 'functions');
if (bundled === undefined) await bundleFunctions({ root, outputDirectory: bundleDirectory });

createApplication({
  ...(stage === undefined ? {} : { stage }),
  bundleDirectory,
  validate: validation !== 'false',
}).synth();
