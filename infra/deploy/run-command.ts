import { createInterface } from 'node:readline/promises';
import { CommandError } from './finding.ts';

/** Runs a command of `package.json`: what a person can mend is told in one sentence, everything else with its stack. Ends with 1 then. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    console.error(error instanceof CommandError ? error.message : error);
    process.exitCode = 1;
  }
}

/** Asks a person. Where nobody sits at a terminal the answer is no. */
export async function typed(question: string): Promise<string> {
  if (!process.stdin.isTTY) return '';
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await lines.question(question)).trim();
  } finally {
    lines.close();
  }
}

export const wait = {
  sleep: (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1_000)),
  tell: (line: string): void => console.log(line),
};
