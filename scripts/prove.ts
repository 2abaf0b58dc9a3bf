/** `npm run prove -- <stage> [--region r]`: looks at a deployed stage for what only an account can show. Ends with 1 at a problem. */
import { createClients } from '../infra/deploy/clients.ts';
import { readCommandLine } from '../infra/deploy/command-line.ts';
import { CommandError, findingLine, hasProblem } from '../infra/deploy/finding.ts';
import { prove } from '../infra/deploy/prove.ts';
import { runCommand } from '../infra/deploy/run-command.ts';

await runCommand(async () => {
  const { stage, region } = await readCommandLine('prove', process.argv.slice(2), process.env);
  if (region === undefined) throw new CommandError('One machine has no proxy, keys or firewall of AWS to look at.');
  const findings = await prove({ clients: createClients(region), stage });
  for (const finding of findings) console.log(findingLine(finding));
  if (hasProblem(findings)) throw new CommandError('Something is not as it was promised: see above.');
});
