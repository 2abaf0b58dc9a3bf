/**
 * `npm run demo`: loads this project's own documentation into the local cloud of another terminal and asks it questions; then makes a
 * small shop in its database, connects it, shows what is known of its tables, and asks what they answer.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callApi } from '../start/first-workspace.ts';
import { type LocalFile, readLocalFile } from '../start/local-file.ts';
import { connectShop } from './connect-shop.ts';
import { loadDocuments } from './load-documents.ts';
import { markdownFiles } from './markdown-files.ts';
import { type Answer, progressBar, showAnswer, showTable } from './show-results.ts';

const questions = [
  'What happens when a queue message is lost?',
  'Which tables have row security enabled?',
  'Who wrote Hamlet?',
];

/** One that the database answers, and one that needs the documents too. */
const shopQuestions = [
  { question: 'How many orders were returned?', route: 'auto' },
  { question: 'What happens when a queue message is lost, and how many orders are there per status?', route: 'both' },
];

async function main(): Promise<void> {
  if (process.argv.length > 2) throw new Error(`npm run demo takes no words, not "${process.argv[2]}".`);
  const dataDirectory = resolve(process.env.LOCAL_DATA_DIR || '.dbrag');
  const local = readLocalFile(dataDirectory);
  if (!local || !(await answers(local)))
    throw new Error('Nothing is running: start it in another terminal with npm start');
  const files = markdownFiles(fileURLToPath(new URL('../../..', import.meta.url)));
  let drawn = -1;
  const draw = (done: number): void => {
    if (done === drawn) return;
    drawn = done;
    process.stdout.write(`${process.stdout.isTTY ? '\r' : '\n'}${progressBar(done, files.length)}`);
  };
  draw(0);
  const started = performance.now();
  const { succeeded, failed } = await loadDocuments(local, files, draw);
  process.stdout.write(`\n${succeeded} documents in ${((performance.now() - started) / 1_000).toFixed(1)} s\n`);
  for (const [name, why] of failed) process.stdout.write(`  ${name}: ${why}\n`);
  for (const question of questions) {
    const answer = await callApi<Answer>(local.api_url, local.api_key, 'POST', '/v1/queries', { question });
    process.stdout.write(`${showAnswer(answer)}\n`);
  }
  process.stdout.write('\nA small shop, connected as a database:\n');
  const shop = await connectShop(local);
  for (const table of shop.tables) process.stdout.write(`${showTable(table)}\n`);
  for (const asked of shopQuestions) {
    const body = { ...asked, connection_ids: [shop.id] };
    const answer = await callApi<Answer>(local.api_url, local.api_key, 'POST', '/v1/queries', body);
    process.stdout.write(`${showAnswer(answer)}\n`);
  }
  if (failed.size > 0) process.exitCode = 1;
}

async function answers({ api_url }: LocalFile): Promise<boolean> {
  return fetch(new URL('/health', api_url)).then(
    ({ ok }) => ok,
    () => false,
  );
}

main().catch((error: Error) => {
  process.stderr.write(`\n${error.message}\n`);
  process.exit(1);
});
