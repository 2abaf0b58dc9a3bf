/**
 * `npm run drill -- <stage> [--region r] [--at 2026-11-29T12:00:00Z] [--keep] [--yes]`: restores the stage's database to a moment beside the one that
 * serves, says how long that took and what would have been lost, compares what the copy holds, and deletes it.
 */
import { placeOf } from '../infra/deploy/check-credentials.ts';
import { createClients } from '../infra/deploy/clients.ts';
import { readCommandLine } from '../infra/deploy/command-line.ts';
import { drill } from '../infra/deploy/drill.ts';
import { CommandError } from '../infra/deploy/finding.ts';
import { runCommand, typed, wait } from '../infra/deploy/run-command.ts';

await runCommand(async () => {
  const words = process.argv.slice(2);
  const keep = words.includes('--keep');
  const place = words.indexOf('--at');
  const at = place < 0 ? undefined : new Date(words[place + 1] ?? '');
  if (at && Number.isNaN(at.getTime())) throw new CommandError('Say the moment like --at 2026-11-29T12:00:00Z.');
  const rest = words.filter(
    (word, index) => word !== '--keep' && (place < 0 || (index !== place && index !== place + 1)),
  );
  const { stage, region, yes } = await readCommandLine('drill', rest, process.env);
  if (region === undefined)
    throw new CommandError('The database of a stage on one machine is its directory: copy it while nothing runs.');
  const clients = createClients(region);
  const question = `Restore dbrag-${stage.name} beside itself, in ${await placeOf(clients)}, at the price of a second database meanwhile? (y/N) `;
  if (!yes && !/^y(es)?$/i.test(await typed(question))) throw new CommandError('Nothing was changed.');
  const result = await drill({ clients, stage, at, keep, waiting: wait });
  console.log(
    `Restored to ${result.restoredTo.toISOString()} in ${result.seconds} s; ${result.behindSeconds} s would have been lost.`,
  );
  const { workspaces, documents, tables, faults } = result.compared;
  console.table(tables);
  console.log(
    `Of ${workspaces} workspaces, ${documents.same} documents are alike in every text, place and vector; ${documents.changed} have changed since, and ${documents.deleted} were deleted.`,
  );
  console.log(
    result.kept ? `It stays at ${result.endpoint}: delete it when you have looked.` : 'The copy is being deleted.',
  );
  if (faults.length > 0)
    throw new CommandError(`The copy is not what the database was:\n${faults.map((fault) => `* ${fault}`).join('\n')}`);
});
