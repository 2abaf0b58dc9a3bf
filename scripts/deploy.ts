/**
 * `npm run deploy -- <stage> [--region r] [--yes]`: looks at everything that would stop a deploy, shows what the stage costs and what would change,
 * deploys, and tries it. For a stage on one machine, which `npm start` runs: tries the one that is running.
 */
import { fileURLToPath } from 'node:url';
import { floorLine } from '../infra/cost/tell-costs.ts';
import { projectCdk } from '../infra/deploy/cdk.ts';
import { createClients } from '../infra/deploy/clients.ts';
import { readCommandLine } from '../infra/deploy/command-line.ts';
import { deploy } from '../infra/deploy/deploy.ts';
import { CommandError, findingLine, hasProblem } from '../infra/deploy/finding.ts';
import { localStage } from '../infra/deploy/local-stage.ts';
import { givenModelKey } from '../infra/deploy/model-key.ts';
import { runCommand, typed } from '../infra/deploy/run-command.ts';
import { smoke } from '../infra/deploy/smoke.ts';

await runCommand(async () => {
  const { stage, region, yes } = await readCommandLine('deploy', process.argv.slice(2), process.env);
  const print = (line: string): void => console.log(line);
  if (region === undefined) {
    const { url, operatorKey } = localStage(stage.name);
    const findings = await smoke({ url, operatorKey });
    for (const finding of findings) print(findingLine(finding));
    if (hasProblem(findings)) throw new CommandError('It runs, and does not do what it should: see above.');
    return;
  }
  await deploy(
    {
      clients: createClients(region),
      cdk: projectCdk(fileURLToPath(new URL('..', import.meta.url)), region),
      print,
      confirm: async (question) => yes || /^y(es)?$/i.test(await typed(`${question} (y/N) `)),
      printFloor: async (priced) => {
        // With the CDK, which nothing before it needs.
        const { priceStage } = await import('../infra/cost/price-stage.ts');
        print(floorLine(priceStage(priced)));
      },
    },
    { stage, modelKey: givenModelKey(process.env) },
  );
});
