/** `npm run configure`: asks for the settings of a stage and writes `stages/<name>.ts`, checked. */
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';
import { configure } from '../infra/deploy/configure.ts';
import { CommandError } from '../infra/deploy/finding.ts';
import { runCommand } from '../infra/deploy/run-command.ts';
import { production, small, standard } from '../infra/stages.ts';

await runCommand(async () => {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  const closed = new AbortController();
  lines.once('close', () => closed.abort());
  const ask = (question: string): Promise<string> =>
    lines.question(question, { signal: closed.signal }).then(
      (typed) => typed.trim(),
      () => Promise.reject(new CommandError('No file was written: the answers ended.')),
    );
  const print = (line: string): void => console.log(line);
  try {
    const path = await configure({
      ask,
      print,
      bases: { small, standard, production },
      directory: fileURLToPath(new URL('../stages', import.meta.url)),
    });
    print(`${path} is written. Next: npm run deploy -- <its name> --region <region>`);
  } finally {
    lines.close();
  }
});
