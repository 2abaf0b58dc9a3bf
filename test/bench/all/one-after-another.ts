import { fileName, type MeasuringCommand, typed } from './commands.ts';

/**
 * Measures each command, whatever became of those before it, and says how to take the rest up before each, for whoever interrupts it.
 * @param measure true where the command did all that it should
 * @returns those that failed
 */
export async function oneAfterAnother(
  commands: readonly MeasuringCommand[],
  measure: (command: MeasuringCommand) => Promise<boolean>,
  say: (line: string) => void,
): Promise<readonly MeasuringCommand[]> {
  const failed: MeasuringCommand[] = [];
  for (const [at, command] of commands.entries()) {
    say(`\n${typed(command)}: ${at + 1} of ${commands.length}, taken up by --from ${fileName(command)}\n`);
    try {
      if (!(await measure(command))) failed.push(command);
    } catch (error) {
      say(`${typed(command)}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      failed.push(command);
    }
  }
  if (failed.length > 0) say(`\nFailed; these again: npm run bench -- --only ${failed.map(fileName).join(',')}\n`);
  return failed;
}
