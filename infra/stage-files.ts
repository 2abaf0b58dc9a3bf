import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { defineStage } from './define-stage.ts';
import type { StageSettings } from './stage-settings.ts';
import { stageNamed, stageNames } from './stages.ts';

/** Where stages of your own are: one file each, named like the stage, that exports its settings as default. */
const stageDirectory = fileURLToPath(new URL('../stages', import.meta.url));

/**
 * One of ours, or one of yours.
 * @throws Error with one sentence: no such stage, a file that exports none or one of another name, or a wrong setting in it
 */
export async function findStage(name: string, directory = stageDirectory): Promise<StageSettings> {
  if (stageNames.includes(name)) return stageNamed(name);
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(name))
    throw new Error(
      `"${name}" cannot be the name of a stage: 1 to 20 lower-case letters, digits and hyphens, the first a letter.`,
    );
  const file = join(directory, `${name}.ts`);
  if (!existsSync(file))
    throw new Error(
      `There is no stage "${name}": choose one of ${stageNames.join(', ')}, or write its settings to stages/${name}.ts.`,
    );
  const { default: stage } = (await import(pathToFileURL(file).href)) as { default?: StageSettings };
  if (stage?.name !== name)
    throw new Error(`stages/${name}.ts must export by default the settings of a stage whose name is "${name}".`);
  return defineStage(stage);
}
