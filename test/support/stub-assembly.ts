import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createApplication } from '../../infra/application.ts';
import { bundleFunctions, handlerEntries } from '../../infra/bundle.ts';
import { test } from '../../infra/stages.ts';

const root = fileURLToPath(new URL('stub-service', import.meta.url));

/**
 * The stacks as they are deployed, around handlers that only tell what reached them: what a test needs to see of the
 * local cloud itself. Gives the assembly's directory, inside `directory`.
 */
export async function synthesiseStubAssembly(directory: string): Promise<string> {
  const bundle = await bundleFunctions({
    root,
    outputDirectory: join(directory, 'bundle'),
    entries: handlerEntries,
  });
  const outputDirectory = join(directory, 'cdk.out');
  createApplication({ stage: test, bundleDirectory: bundle.directory, validate: false, outputDirectory }).synth();
  return outputDirectory;
}
