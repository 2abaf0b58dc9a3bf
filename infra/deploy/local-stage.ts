import { resolve } from 'node:path';
import { type LocalFile, readLocalFile } from '../local/start/local-file.ts';
import { CommandError } from './finding.ts';

export interface LocalStage {
  readonly url: string;
  readonly operatorKey: string;
  readonly file: LocalFile;
}

/**
 * What `npm start` runs on this machine: the file that it writes says where.
 * @throws CommandError when it has never run here
 */
export function localStage(stageName: string, dataDirectory = process.env.LOCAL_DATA_DIR || '.dbrag'): LocalStage {
  const file = readLocalFile(resolve(dataDirectory));
  if (file === undefined)
    throw new CommandError(
      `The stage "${stageName}" runs on this machine, and never did yet: npm start, in another terminal.`,
    );
  return { url: file.api_url, operatorKey: file.operator_key, file };
}
