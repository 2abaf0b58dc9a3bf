import { record } from '../database.ts';

export async function handler(): Promise<void> {
  await record('describe-table', 'called');
}
