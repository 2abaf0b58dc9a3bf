/**
 * Process that bundles the handlers and synthesises one stage: the CDK's modules and memory end with it.
 * node infra/local/start/synthesise.ts <stage> <bundle directory> <assembly directory>
 */
import { fileURLToPath } from 'node:url';
import { bundleFunctions } from '../../bundle.ts';

const [stage, bundleDirectory, outputDirectory] = process.argv.slice(2);
if (stage === undefined || bundleDirectory === undefined || outputDirectory === undefined) {
  throw new Error('usage: synthesise.ts <stage> <bundle directory> <assembly directory>');
}
process.stdin.on('end', () => process.exit(1)).resume();
const root = fileURLToPath(new URL('../../..', import.meta.url));
const [{ createApplication }] = await Promise.all([
  import('../../application.ts'),
  bundleFunctions({ root, outputDirectory: bundleDirectory, actingFailpoints: stage === 'test' }),
]);
createApplication({ stage, bundleDirectory, validate: false, outputDirectory }).synth();
process.stdin.destroy();
