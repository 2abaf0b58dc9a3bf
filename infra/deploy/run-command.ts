import { createInterface } from 'node:readline/promises';
import { CommandError } from './finding.ts';

/** Runs a command of `package.json`: a problem that the user can fix is shown as one sentence, any other with its stack. Exits with 1 in both cases. */
export async function runCommand(command: () => Promise<void>): Promise<void> {
  try {
    await command();
  } catch (error) {
    console.error(error instanceof CommandError ? error.message : error);
    process.exitCode = 1;
  }
}

/** Asks for confirmation. Without a terminal the answer is no. */
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
