/**
 * `npm run destroy -- <stage> [--region r] [--with-data] [--yes]`: takes a stage down and lists what stays, with its price. Of a stage on one machine,
 * empties the buckets of the local cloud that is running; the rest is a directory.
 */
import { S3Client } from '@aws-sdk/client-s3';
import { placeOf } from '../infra/deploy/check-credentials.ts';
import { clientsOfCopies, createClients } from '../infra/deploy/clients.ts';
import { readCommandLine } from '../infra/deploy/command-line.ts';
import { destroy } from '../infra/deploy/destroy.ts';
import { emptyBucket } from '../infra/deploy/empty-bucket.ts';
import { CommandError } from '../infra/deploy/finding.ts';
import { localStage } from '../infra/deploy/local-stage.ts';
import { runCommand, typed, wait } from '../infra/deploy/run-command.ts';

await runCommand(async () => {
  const words = process.argv.slice(2);
  const withData = words.includes('--with-data');
  const { stage, region, yes } = await readCommandLine(
    'destroy',
    words.filter((word) => word !== '--with-data'),
    process.env,
  );
  const clients = region === undefined ? undefined : createClients(region);
  const place = clients ? ` in ${await placeOf(clients)}` : '';
  const question = `Type the name of the stage to destroy it${withData ? ' with its data' : ''}${place}: `;
  if (!yes && (await typed(question)) !== stage.name) throw new CommandError('Nothing was changed.');
  if (clients === undefined) {
    const { file } = localStage(stage.name);
    const { endpoint, region: localRegion, access_key_id: accessKeyId, secret_access_key: secretAccessKey } = file.s3;
    const objects = new S3Client({
      endpoint,
      region: localRegion,
      forcePathStyle: true,
      credentials: { accessKeyId, secretAccessKey },
    });
    for (const bucket of [file.s3.bucket, file.audit_bucket])
      console.log(`${bucket}: ${(await emptyBucket({ objects }, bucket, true)) ?? 'no'} versions deleted`);
    console.log('End npm start and delete its directory (.dbrag) for the rest.');
    return;
  }
  const left = await destroy({ clients, copies: clientsOfCopies(stage), stage, withData, waiting: wait });
  console.log(left.length === 0 ? 'Nothing is left.' : 'Left in the account:');
  for (const { type, id, price, remove } of left) console.log(`  ${type} ${id}\n    ${price} · ${remove}`);
});
