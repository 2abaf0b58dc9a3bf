import { parseArgs } from 'node:util';
import { requireRegion } from '../require-region.ts';
import { findStage } from '../stage-files.ts';
import type { StageSettings } from '../stage-settings.ts';
import { CommandError } from './finding.ts';

export interface CommandLine {
  readonly stage: StageSettings;
  /** Undefined for a stage on one machine, which has none. */
  readonly region: string | undefined;
  /** Do it without asking. */
  readonly yes: boolean;
}

/** Letters, digits and hyphens: what a stage's name may be, and nothing that a shell or a path would take apart. */
const nameForm = /^[a-z][a-z0-9-]{0,19}$/;

/**
 * Reads `<stage> [--region r] [--yes]`.
 * @throws CommandError that says how to type it
 */
export async function readCommandLine(
  command: string,
  words: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<CommandLine> {
  const { values, positionals } = parse(command, words);
  if (positionals.length === 0) throw new CommandError(`Name a stage: npm run ${command} -- small`);
  const name = positionals.join(' ');
  if (!nameForm.test(name))
    throw new CommandError(
      `"${name}" cannot be the name of a stage: use 1 to 20 lower-case letters, digits and hyphens, and begin with a letter.`,
    );
  const stage = await knownStage(name);
  const region = values.region ?? stage.operations.region ?? environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION;
  if (region === undefined && !stage.network.loopback)
    throw new CommandError(`Say where: npm run ${command} -- ${name} --region eu-central-1, or set AWS_REGION.`);
  if (region !== undefined && !stage.network.loopback) refuse(() => requireRegion(stage, region));
  return { stage, region: stage.network.loopback ? undefined : region, yes: values.yes ?? false };
}

function parse(command: string, words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: { region: { type: 'string' }, yes: { type: 'boolean', short: 'y' } },
    });
  } catch (error) {
    throw new CommandError(
      `${(error as Error).message} Usage: npm run ${command} -- <stage> [--region <region>] [--yes]`,
    );
  }
}

async function knownStage(name: string): Promise<StageSettings> {
  try {
    return await findStage(name);
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}

/** An error of the synthesis stops a command as well. */
function refuse(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new CommandError((error as Error).message);
  }
}
