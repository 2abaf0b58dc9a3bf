/** `npm run rollback -- <stage> [--region r] [--yes]`: takes the code of the last deploy back; the database stays as it is. */
import { placeOf } from '../infra/deploy/check-credentials.ts';
import { createClients } from '../infra/deploy/clients.ts';
import { readCommandLine } from '../infra/deploy/command-line.ts';
import { CommandError } from '../infra/deploy/finding.ts';
import { rollback } from '../infra/deploy/rollback.ts';
import { runCommand, typed } from '../infra/deploy/run-command.ts';

await runCommand(async () => {
  const { stage, region, yes } = await readCommandLine('rollback', process.argv.slice(2), process.env);
  if (region === undefined)
    throw new CommandError('Nothing is rolled out on one machine: check out the commit before, and npm start.');
  const clients = createClients(region);
  const question = `Take the last deploy of ${stage.name} back, in ${await placeOf(clients)}? (y/N) `;
  if (!yes && !/^y(es)?$/i.test(await typed(question))) throw new CommandError('Nothing was changed.');
  const { stopped, moved } = await rollback(clients, stage);
  for (const move of moved) console.log(move);
  if (stopped > 0)
    console.log(`${stopped} rollouts were stopped: CloudFormation undoes the deploy. Look at it with npm run doctor.`);
  else
    console.log(
      moved.length > 0 ? 'Done. The next deploy sets all of them anew.' : 'Nothing of the last deploy is out any more.',
    );
});
