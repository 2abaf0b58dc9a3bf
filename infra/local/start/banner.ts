import type { LocalFile } from './local-file.ts';

/** What a newcomer needs: where it is, the key, three commands to paste, and what a model key would change. */
export function banner(file: LocalFile, usesRealModels: boolean, logFile: string, seconds: number): string {
  const call = (path: string, body: object): string =>
    [
      `curl -s ${file.api_url}${path} -H 'Authorization: Bearer ${file.api_key}'`,
      `-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`,
    ].join(' \\\n      ');
  const document = {
    collection_id: file.collection_id,
    name: 'hello.md',
    content: 'The lighthouse at Skagen was lit in 1747.',
    source_uri: 'hello.md',
  };
  return [
    '',
    `  dbrag is ready after ${seconds.toFixed(1)} s`,
    '',
    `  API    ${file.api_url}`,
    `  Docs   ${file.docs_url}`,
    `  Try    ${file.api_url}/playground`,
    `  Key    ${file.api_key}`,
    `  Log    ${logFile}`,
    '',
    '  Add a document, ask a question, load this project’s own documentation and ask it:',
    '',
    `    ${call('/v1/documents', document)}`,
    '',
    `    ${call('/v1/queries', { question: 'When was the lighthouse lit?' })}`,
    '',
    '    npm run demo',
    '',
    usesRealModels
      ? '  Models: yours.'
      : '  Models: offline (lexical embeddings, extractive answers). OPENAI_API_KEY=… npm start uses real ones.',
    '  Ctrl-C ends everything; what was accepted stays.',
    '',
  ].join('\n');
}
