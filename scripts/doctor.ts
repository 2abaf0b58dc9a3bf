/** `npm run doctor -- <stage> [--region r]`: what can be seen of a stage from outside, and what to do about it. Ends with 1 at a problem. */
import { clientsOfCopies, createClients } from '../infra/deploy/clients.ts';
import { readCommandLine } from '../infra/deploy/command-line.ts';
import { examineApi, examineStage } from '../infra/deploy/doctor.ts';
import { CommandError, findingLine, hasProblem } from '../infra/deploy/finding.ts';
import { localStage } from '../infra/deploy/local-stage.ts';
import { runCommand } from '../infra/deploy/run-command.ts';

await runCommand(async () => {
  const { stage, region } = await readCommandLine('doctor', process.argv.slice(2), process.env);
  const findings =
    region === undefined
      ? await examineApi(localStage(stage.name).url)
      : await examineStage(createClients(region), stage, clientsOfCopies(stage));
  for (const finding of findings) console.log(findingLine(finding));
  if (hasProblem(findings)) throw new CommandError('Something is wrong: see above.');
});
